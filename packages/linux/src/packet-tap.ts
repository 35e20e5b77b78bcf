// A tap on all interfaces of a network namespace: copies of every frame that its stack receives or sends, by an
// AF_PACKET socket whose ring is mapped into this process (Documentation/networking/packet_mmap.rst). The kernel fills
// the ring by itself, so nothing is lost while this process is busy, up to the ring's size.

import { Errno, SyscallError } from "./errno.ts";
import { FileDescriptor } from "./fd.ts";
import * as ffi from "./ffi.ts";
import { MappedMemory } from "./memory.ts";
import { permissionHint } from "./privileges.ts";

/** include/linux/socket.h, include/linux/net.h, include/uapi/linux/if_ether.h */
const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_PACKET = 263;
/** ETH_P_ALL in network order, as socket(2) wants it. */
const ETH_P_ALL_BE = 0x0300;
/** include/uapi/linux/if_packet.h */
const PACKET_RX_RING = 5;
const PACKET_VERSION = 10;
const TPACKET_V2 = 1;
const TP_STATUS_KERNEL = 0;
const TP_STATUS_USER = 1;
const TP_STATUS_CSUMNOTREADY = 8;
const PACKET_OUTGOING = 4;
/** struct tpacket2_hdr, behind it at the next multiple of 16 a struct sockaddr_ll: where their fields begin. */
const FIELD = { status: 0, length: 4, captured: 8, mac: 12, seconds: 16, nanoseconds: 20, ifindex: 36, kind: 42 };

/** 1024 frames of up to about 2 kB; blocks are whole pages on every machine. */
const FRAME_SIZE = 2048;
const BLOCK_SIZE = 65536;
const BLOCKS = 32;
const FRAMES = (BLOCK_SIZE / FRAME_SIZE) * BLOCKS;

/** A frame that was seen. */
export interface CapturedFrame {
  readonly interfaceIndex: number;
  /** Whether the interface received it or sends it. Ports of a bridge receive what is for others, too. */
  readonly direction: "inbound" | "outbound";
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint;
  /** From the Ethernet header on; of long frames (segmentation offload) the first 1900 bytes or so. */
  readonly bytes: Uint8Array;
  /** Length in bytes of the whole frame. */
  readonly originalLength: number;
  /** Whether its transport checksum is left for an interface to fill in: then it is not right yet. */
  readonly checksumPending: boolean;
}

function failure(command: string, errno: number): SyscallError {
  const hint = errno === Errno.EPERM ? permissionHint() : undefined;
  return new SyscallError({ doing: "tapping the frames of a network namespace", command, errno, hint });
}

function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/**
 * Sees the frames of the namespace that it was made in (`withNetworkNamespace`), from then on. What a driver's XDP
 * program takes, or sends by itself, never comes to the stack: look at the cable's other end.
 */
export class PacketTap implements Disposable {
  readonly #socket: FileDescriptor;
  readonly #ring: MappedMemory;
  #next = 0;

  /** Begins. Throws a SyscallError when the kernel refuses (CAP_NET_RAW). */
  constructor() {
    const opened = ffi.socket(AF_PACKET, SOCK_RAW_CLOEXEC, ETH_P_ALL_BE);
    if (opened < 0) throw failure("socket(AF_PACKET)", -opened);
    using stack = new DisposableStack();
    const socket = stack.use(new FileDescriptor(opened, "packet tap"));
    const set = (what: string, name: number, value: Uint8Array): void => {
      const result = ffi.setsockopt(socket.value, SOL_PACKET, name, value);
      if (result < 0) throw failure(`setsockopt(${what})`, -result);
    };
    set("PACKET_VERSION", PACKET_VERSION, words(TPACKET_V2));
    set("PACKET_RX_RING", PACKET_RX_RING, words(BLOCK_SIZE, BLOCKS, FRAME_SIZE, FRAMES));
    this.#ring = new MappedMemory({ fd: socket, length: BLOCK_SIZE * BLOCKS, access: "read-write" });
    this.#socket = socket;
    stack.move();
  }

  /** The frames since the last time, in the order in which they were seen. */
  read(): readonly CapturedFrame[] {
    const found: CapturedFrame[] = [];
    for (;;) {
      const view = new DataView(this.#ring.buffer, this.#next * FRAME_SIZE, FRAME_SIZE);
      const status = view.getUint32(FIELD.status, true);
      if ((status & TP_STATUS_USER) === 0) return found;
      const at = view.getUint16(FIELD.mac, true);
      found.push({
        interfaceIndex: view.getInt32(FIELD.ifindex, true),
        direction: view.getUint8(FIELD.kind) === PACKET_OUTGOING ? "outbound" : "inbound",
        timestampNs:
          BigInt(view.getUint32(FIELD.seconds, true)) * 1_000_000_000n +
          BigInt(view.getUint32(FIELD.nanoseconds, true)),
        bytes: new Uint8Array(view.buffer, view.byteOffset + at, view.getUint32(FIELD.captured, true)).slice(),
        originalLength: view.getUint32(FIELD.length, true),
        checksumPending: (status & TP_STATUS_CSUMNOTREADY) !== 0,
      });
      view.setUint32(FIELD.status, TP_STATUS_KERNEL, true);
      this.#next = (this.#next + 1) % FRAMES;
    }
  }

  /** Ends. */
  [Symbol.dispose](): void {
    this.#ring.close();
    this.#socket.close();
  }
}
