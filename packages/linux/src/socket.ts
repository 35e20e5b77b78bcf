// The few sockets that probes need, which ask and never wait: a TCP listener that tells who its clients are, and a
// packet socket that sees the frames of all interfaces. Programs that serve use Node's own.

import { addressBytes, addressText, AF_INET, AF_INET6 } from "./address.ts";
import { Errno, SyscallError } from "./errno.ts";
import { FileDescriptor } from "./fd.ts";
import * as ffi from "./ffi.ts";
import { permissionHint } from "./privileges.ts";

// include/linux/socket.h, include/linux/net.h; the same on x86-64 and arm64.
const AF_PACKET = 17;
const SOCK_STREAM = 1;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_DONTWAIT = 0x40;
/** htons(ETH_P_ALL) (include/uapi/linux/if_ether.h). */
const EVERY_PROTOCOL = 0x0300;
/** sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6) */
const ADDRESS_SIZE = { 4: 16, 6: 28 } as const;
const LARGEST_FRAME = 65536;

/** An address and a port in host order. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** struct sockaddr_in or struct sockaddr_in6 (include/uapi/linux/in.h, in6.h). */
function encodeEndpoint({ address, port }: Endpoint): Uint8Array {
  const ip = addressBytes(address);
  const bytes = new Uint8Array(ip.length === 4 ? ADDRESS_SIZE[4] : ADDRESS_SIZE[6]);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, ip.length === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(ip, ip.length === 4 ? 4 : 8);
  return bytes;
}

function decodeEndpoint(bytes: Uint8Array): Endpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [from, length] = view.getUint16(0, true) === AF_INET ? [4, 4] : [8, 16];
  return { address: addressText(bytes.subarray(from, from + length)), port: view.getUint16(2) };
}

/** A TCP listener whose clients nobody reads from. */
export class ProbeListener implements Disposable {
  readonly #fd: FileDescriptor;
  /** Where it listens, with the port that the kernel chose. */
  readonly endpoint: Endpoint;

  /** Listens at `endpoint`; port 0 means any. Throws a SyscallError. */
  constructor(endpoint: Endpoint) {
    const doing = `listening at ${endpoint.address} port ${endpoint.port}`;
    const address = encodeEndpoint(endpoint);
    const family = new DataView(address.buffer).getUint16(0, true);
    this.#fd = openSocket(family, SOCK_STREAM | SOCK_NONBLOCK, 0, doing);
    try {
      check(ffi.bind(this.#fd.value, address), doing, "bind");
      check(ffi.listen(this.#fd.value, 8), doing, "listen");
      check(ffi.askAddress("getsockname", this.#fd.value, address), doing, "getsockname");
    } catch (error) {
      this.#fd.close();
      throw error;
    }
    this.endpoint = decodeEndpoint(address);
  }

  /** Takes the next client: what accept(2) and getpeername(2) tell of it; undefined where there is none. */
  accept(): { readonly accepted: Endpoint; readonly peer: Endpoint } | undefined {
    const bytes = new Uint8Array(ADDRESS_SIZE[6]);
    const result = ffi.askAddress("accept4", this.#fd.value, bytes);
    if (result === -Errno.EAGAIN) return undefined;
    using client = new FileDescriptor(check(result, "accepting a client", "accept4"), "accepted client");
    const accepted = decodeEndpoint(bytes);
    check(ffi.askAddress("getpeername", client.value, bytes), "asking who a client is", "getpeername");
    return { accepted, peer: decodeEndpoint(bytes) };
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}

/** Sees every frame that comes in or goes out of this network namespace, from now on. Needs CAP_NET_RAW. */
export class FrameSocket implements Disposable {
  readonly #fd = openSocket(AF_PACKET, SOCK_RAW, EVERY_PROTOCOL, "listening to frames");
  readonly #buffer = new Uint8Array(LARGEST_FRAME);

  /** The next frame seen, or undefined where there is none yet. */
  receive(): Uint8Array | undefined {
    const length = ffi.recv(this.#fd.value, this.#buffer, MSG_DONTWAIT);
    if (length === -Errno.EAGAIN) return undefined;
    return this.#buffer.slice(0, check(length, "listening to frames", "recv"));
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}

function openSocket(domain: number, type: number, protocol: number, doing: string): FileDescriptor {
  return new FileDescriptor(check(ffi.socket(domain, type | SOCK_CLOEXEC, protocol), doing, "socket"), "socket");
}

function check(result: number, doing: string, command: string): number {
  if (result >= 0) return result;
  const hint = result === -Errno.EPERM ? permissionHint() : undefined;
  throw new SyscallError({ doing, command, errno: -result, hint });
}
