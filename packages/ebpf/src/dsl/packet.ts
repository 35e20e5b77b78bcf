// The packet as an XDP program sees it: bytes between two pointers of the context, nothing readable
// before its bounds are checked.

import type { SourcePosition } from "../asm/index.ts";
import { type Constant, constant, type VirtualRegister } from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { assertOwner, builder, type FunctionBuilder } from "./builder.ts";
import type { ChecksumUpdate } from "./checksum.ts";
import { callHelper } from "./helper.ts";
import { Maybe } from "./maybe.ts";
import { callerPosition } from "./position.ts";
import { fitsBefore, packetChecksum } from "./packet-checksum.ts";
import { assertReachable, type Epoch, loadAt, type Place, place } from "./reference.ts";
import { Int, inRegister } from "./scalar.ts";
import type { Fields, Reference, Struct } from "./struct.ts";

/** Where a context keeps the pointers to the first byte and behind the last: byte offsets, and the width of both. */
export interface PacketLayout {
  readonly data: number;
  readonly end: number;
  readonly size: 4 | 8;
}

/** struct xdp_md, include/uapi/linux/bpf.h. */
const XDP_LAYOUT: PacketLayout = { data: 0, end: 4, size: 4 };
const INGRESS_IFINDEX = 12;
/** enum bpf_func_id, include/uapi/linux/bpf.h. */
const XDP_ADJUST_HEAD = 44;
const XDP_ADJUST_TAIL = 65;

/** Packets and cursors belong to the function that got them; others cannot reach their registers. */
abstract class Owned {
  readonly #owner: FunctionBuilder = builder();
  readonly #madeAt: SourcePosition | undefined = callerPosition();
  readonly #what: string;

  constructor(what: string) {
    this.#what = what;
  }

  protected assertOwned(): void {
    assertOwner(this.#owner, this.#what, this.#madeAt);
  }
}

/** A place in the packet from which headers are read one after another. */
export class Cursor extends Owned {
  readonly #packet: Packet;
  readonly #epoch: Epoch;
  readonly #depth: number;
  #base: VirtualRegister;
  #offset = 0;

  constructor(packet: Packet, base: VirtualRegister, epoch: Epoch) {
    super("this cursor");
    this.#packet = packet;
    this.#base = base;
    this.#epoch = epoch;
    this.#depth = builder().depth;
  }

  /** A cursor at the same place that this branch may move. */
  fork(): Cursor {
    this.assertOwned();
    const copy = new Cursor(this.#packet, this.#base, this.#epoch);
    copy.#offset = this.#offset;
    return copy;
  }

  /** The header here, absent where the packet is too short for it; the cursor moves behind it. */
  read<F extends Fields>(type: Struct<F>): Maybe<Reference<F>> {
    this.assertOwned();
    if (builder().depth !== this.#depth) {
      throw new BuildError(
        "YM_BUILD_UNREACHABLE",
        "reading here would move a cursor inside a branch that began after it; " +
          "take packet.cursorAt(offset) or cursor.fork() in the branch",
        callerPosition(),
      );
    }
    const at = this.#here(type.typeName);
    assertReachable(at);
    this.#offset += type.size;
    return new Maybe(fitsBefore(this.#packet.end, at, type.size), () => type.access(at));
  }

  /**
   * The checksum of `size` bytes from here on, which may be odd; absent where they are more than `atMost` (1 to 2047)
   * or more than the packet has. The cursor stays. It is a sum that starts from nothing: `.fold()` is what a header
   * wants whose checksum field, if it lies among the bytes, is zero; `.plus(…)` adds a pseudo header.
   */
  checksum(size: Int, { atMost }: { readonly atMost: number }): Maybe<ChecksumUpdate> {
    this.assertOwned();
    const start = this.#here("bytes to sum up");
    return packetChecksum({ start, end: this.#packet.end }, size, atMost);
  }

  #here(what: string): Place {
    return { ...place(this.#base, what, this.#epoch), offset: this.#offset };
  }
}

/** What the body of an XDP program gets, and functions that have it among their parameters. */
export class Packet extends Owned {
  readonly #context: VirtualRegister;
  readonly #layout: PacketLayout;
  #data: VirtualRegister;
  #end: VirtualRegister;
  #epoch: Epoch = { isOver: false, endedAt: undefined };
  #cursor: Cursor;

  constructor(context: VirtualRegister, layout: PacketLayout = XDP_LAYOUT) {
    super("this packet");
    this.#context = context;
    this.#layout = layout;
    this.#data = this.#load(layout.data);
    this.#end = this.#load(layout.end);
    this.#cursor = new Cursor(this, this.#data, this.#epoch);
    builder().branchState.push({ save: () => this.#save() });
  }

  #load(offset: number): VirtualRegister {
    return loadAt({ ...place(this.#context, "context"), offset }, this.#layout.size);
  }

  #save() {
    const before = { data: this.#data, end: this.#end, epoch: this.#epoch, cursor: this.#cursor };
    return {
      hasChanged: () => this.#epoch !== before.epoch,
      restore: () => {
        this.#data = before.data;
        this.#end = before.end;
        this.#cursor = before.cursor;
        this.#epoch = before.epoch;
        this.#epoch.isOver = false;
        this.#epoch.endedAt = undefined;
      },
    };
  }

  /** The context pointer, for helpers that want it. */
  get context(): VirtualRegister {
    this.assertOwned();
    return this.#context;
  }

  /** For the library: the pointer behind the last byte. */
  get end(): VirtualRegister {
    return this.#end;
  }

  /** Reads headers from the start of the packet, one after another. */
  read<F extends Fields>(type: Struct<F>): Maybe<Reference<F>> {
    return this.#cursor.read(type);
  }

  /**
   * A cursor of its own, `offset` bytes from the start. The verifier must be able to see that a staged
   * offset is small (below 64 KiB): mask it, or compute it from a masked field.
   */
  cursorAt(offset: Int | number): Cursor {
    this.assertOwned();
    const base = builder().register();
    if (typeof offset === "number") {
      builder().emit({
        kind: "alu",
        operator: "add",
        width: 64,
        target: base,
        left: this.#data,
        right: constant(offset),
      });
    } else {
      builder().emit({
        kind: "alu",
        operator: "add",
        width: 64,
        target: base,
        left: inRegister(offset.operand()),
        right: this.#data,
      });
    }
    return new Cursor(this, base, this.#epoch);
  }

  /** Bytes in the packet, link-layer header included. */
  length(): Int<"u32"> {
    this.assertOwned();
    const target = builder().register();
    builder().emit({ kind: "alu", operator: "sub", width: 64, target, left: this.#end, right: this.#data });
    return new Int("u32", target);
  }

  /** Index of the interface that the packet came in on. */
  ingressIfindex(): Int<"u32"> {
    return new Int("u32", loadAt({ ...place(this.context, "context"), offset: INGRESS_IFINDEX }, 4));
  }

  /**
   * Moves the start of the packet: a negative `delta`, a staged one read as a signed 32-bit number, makes room before
   * it. All references into the packet become stale. Returns 0, or a negative errno.
   */
  adjustHead(delta: Int | number): Int<"u64"> {
    return this.#moveBounds(XDP_ADJUST_HEAD, typeof delta === "number" ? constant(delta) : delta.operand());
  }

  /**
   * Moves the end of the packet by `delta` bytes, a staged one read as a signed 32-bit number: a negative one cuts
   * off, a positive one appends zeros. All references into the packet become stale. Returns 0, or a negative errno:
   * fewer than 14 bytes would be left, or the driver has no room for more (bpf_xdp_adjust_tail, net/core/filter.c).
   */
  adjustTail(delta: Int | number): Int<"u64"> {
    return this.#moveBounds(XDP_ADJUST_TAIL, typeof delta === "number" ? constant(delta) : delta.operand());
  }

  #moveBounds(helper: number, delta: VirtualRegister | Constant): Int<"u64"> {
    const result = callHelper(helper, [this.context, delta]);
    this.moved();
    return result;
  }

  /** For the library: the bounds have moved, here or in a function that was called. All references become stale. */
  moved(): void {
    const { fn, program } = builder();
    program.movesBounds.add(fn.name);
    this.#epoch.isOver = true;
    this.#epoch.endedAt = callerPosition();
    this.#epoch = { isOver: false, endedAt: undefined };
    this.#data = this.#load(this.#layout.data);
    this.#end = this.#load(this.#layout.end);
    this.#cursor = new Cursor(this, this.#data, this.#epoch);
  }
}
