// The packet as a program sees it: bytes between two pointers of the context, nothing readable before its bounds are
// checked. What XDP and tc do differently has one method for both: here is XDP's half, tc's is in tc-packet.ts.

import type { SourcePosition } from "../asm/index.ts";
import { type Constant, constant, type VirtualRegister } from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { assertOwner, builder, type FunctionBuilder } from "./builder.ts";
import { checksum, type ChecksumChange, type ChecksumUpdate } from "./checksum.ts";
import { variable, when } from "./control.ts";
import { callHelper, redirect } from "./helper.ts";
import { Maybe } from "./maybe.ts";
import { callerPosition } from "./position.ts";
import { fitsBefore, packetChecksum } from "./packet-checksum.ts";
import { addressOf, assertReachable, type Epoch, loadAt, type Located, type Place, place } from "./reference.ts";
import { type Bool, Int, inRegister, Net } from "./scalar.ts";
import type { Fields, Reference, Struct } from "./struct.ts";
import { tx, type Verdict, verdict } from "./verdict.ts";

/** What has changed among the bytes that a TCP or UDP checksum covers. */
export interface CoveredChange {
  /** In the pseudo header: addresses. */
  readonly addresses?: ChecksumChange;
  /** In the segment itself: ports, options, data. */
  readonly contents?: ChecksumChange;
}

/** The checksum field of a transport header. */
export interface Checksummed {
  readonly header: Located & { check: Net<"be16"> };
  readonly type: { readonly offsets: { readonly check: number } };
  /** Of UDP, where 0 says "none": a sum of 0 is written as 0xffff (RFC 768). A field that is 0 is not for updating. */
  readonly zeroIsNone?: true;
}

/** A VLAN tag that has been taken out of the frame and is carried beside it. */
export interface CarriedTag {
  readonly isPresent: Bool;
  /** Priority and number as in a tag (IEEE 802.1Q). */
  readonly tci: Net<"be16">;
}

/** What the bytes put in front of the network header are, for the stack to divide large packets by. */
export interface Encapsulation {
  /** Of the outer network header. */
  readonly family: "ipv4" | "ipv6";
  /** The protocol between it and what is inside, if any. */
  readonly transport?: "udp" | "gre";
}

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
/** Bytes that the fixed header of IPv6 is longer than IPv4's (RFC 8200, RFC 791). */
const FAMILY_DIFFERENCE = 20;

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

  /** For the library: where it stands. */
  place(): Place {
    this.assertOwned();
    return this.#here("this cursor");
  }

  #here(what: string): Place {
    return { ...place(this.#base, what, this.#epoch), offset: this.#offset };
  }
}

/** What the body of a program gets, and functions that have it among their parameters. */
export class Packet extends Owned {
  /** Which hook's program this is: what differs there beyond this class is for a plain `if` at build time. */
  readonly hook: "xdp" | "tc" = "xdp";
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
    const restore = (): void => {
      this.#data = before.data;
      this.#end = before.end;
      this.#cursor = before.cursor;
      this.#epoch = before.epoch;
      this.#epoch.isOver = false;
      this.#epoch.endedAt = undefined;
    };
    return {
      hasChanged: () => this.#epoch !== before.epoch,
      restore,
      restoreMoved: () => {
        const movedAt = before.epoch.endedAt;
        restore();
        this.moved();
        before.epoch.endedAt = movedAt ?? before.epoch.endedAt;
      },
    };
  }

  /** The context pointer, for helpers that want it. */
  get context(): VirtualRegister {
    this.assertOwned();
    return this.#context;
  }

  /** For the library: the pointer to the first byte. */
  protected get data(): VirtualRegister {
    return this.#data;
  }

  /** For the library: the pointer behind the last byte that may be touched. */
  get end(): VirtualRegister {
    return this.#end;
  }

  /** For the library: the 32-bit field at `offset` of the context. */
  protected contextField(offset: number): VirtualRegister {
    return loadAt({ ...place(this.#context, "context"), offset }, 4);
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

  /**
   * Bytes from the start of the packet to `cursor`. The verifier knows nothing of such a number, not even where it knew
   * the offset that made the cursor: mask it. Ways on which it differs are then one to the verifier.
   */
  offsetOf(cursor: Cursor): Int<"u32"> {
    this.assertOwned();
    const at = addressOf(cursor.place()) as VirtualRegister;
    const target = builder().register();
    builder().emit({ kind: "alu", operator: "sub", width: 64, target, left: at, right: this.#data });
    return new Int("u32", target);
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
    this.assertOwned();
    return new Int("u32", this.contextField(INGRESS_IFINDEX));
  }

  /**
   * Whether the frame is for this machine, where the hook knows; undefined under XDP, where the program compares
   * addresses itself.
   */
  isForHost(): Bool | undefined {
    return undefined;
  }

  /** The tag beside the frame; undefined under XDP, where all tags are in the frame. */
  carriedTag(): CarriedTag | undefined {
    return undefined;
  }

  /**
   * Bytes of payload in each of the segments that the packet will be divided into, 0 where it is one already; undefined
   * under XDP, where a packet is what the wire carries. Such a packet may be far longer than any MTU.
   */
  segmentPayload(): Int<"u32"> | undefined {
    return undefined;
  }

  /**
   * Makes the first `bytes` bytes readable where the packet has them. Under XDP they are. Under tc they may lie in
   * other pages, and all references into the packet become stale.
   */
  makeReadable(_bytes: Int<"u32"> | number): void {
    this.assertOwned();
  }

  /**
   * Brings a TCP or UDP checksum in line with what has changed of what it covers. Under XDP the field holds the whole
   * sum and is updated at once (RFC 1624). Under tc it may hold the pseudo header's sum alone: changes are collected,
   * and written by `settle` in the way that is right for each. Never verify such a checksum.
   */
  updateChecksum({ header, zeroIsNone }: Checksummed, { addresses, contents }: CoveredChange): void {
    this.assertOwned();
    let sum = checksum(header.check);
    for (const change of [addresses, contents]) if (change !== undefined) sum = sum.plus(change);
    const written = variable(sum.fold());
    if (zeroIsNone) when(written.get().eq(0), () => written.set(new Net("be16", constant(0xffff))));
    header.check = written.get();
  }

  /**
   * Writes what `updateChecksum` has collected. Sending and what moves the packet's bounds does it by itself; what is
   * passed on after a change wants it, or is handed to a function that sends it. Under tc all references into the
   * packet become stale.
   */
  settle(): void {
    this.assertOwned();
  }

  /**
   * Tells the stack of a change behind the link layer that no checksum inside of the packet balances, such as the hop
   * limit of IPv6, the port of a datagram without checksum or a header of a tunnel: a network card may have summed up
   * the packet as it was. Nothing under XDP. IPv4 headers with a right checksum sum up to nothing.
   */
  accountFor(_change: ChecksumChange): void {
    this.assertOwned();
  }

  /** The same of a packet that has been written anew: `whole` is what all behind the link layer sums up to now. */
  declareSum(_whole: ChecksumChange): void {
    this.assertOwned();
  }

  /**
   * Moves the start of the packet: a negative `delta` makes room before it, of undefined content (tc: zeros). A staged
   * one is read as a signed 32-bit number. All references into the packet become stale. Returns 0, or a negative errno.
   * tc only makes room, of a size known while building, and knows nothing of what it is for: for tunnels there is
   * `encapsulate`, for VLAN tags `pushTag` and `popTag`.
   */
  adjustHead(delta: Int | number): Int<"u64"> {
    return this.moveBounds(XDP_ADJUST_HEAD, [typeof delta === "number" ? constant(delta) : delta.operand()]);
  }

  /**
   * Moves the end of the packet by `delta` bytes, a staged one read as a signed 32-bit number: a negative one cuts
   * off, a positive one appends zeros. All references into the packet become stale. Returns 0, or a negative errno:
   * fewer than 14 bytes would be left, or the driver has no room for more (bpf_xdp_adjust_tail, net/core/filter.c).
   * Under tc the packet is one piece afterwards, all of it readable, and will not be divided (bpf_skb_change_tail).
   */
  adjustTail(delta: Int | number): Int<"u64"> {
    return this.moveBounds(XDP_ADJUST_TAIL, [typeof delta === "number" ? constant(delta) : delta.operand()]);
  }

  /**
   * Makes room of `bytes` bytes between link layer and network header, for the outer headers that `what` says. The link
   * layer's addresses are undefined afterwards (transmit writes them); its type is not yet that of the outer header.
   * All references into the packet become stale. Returns 0, or a negative errno.
   *
   * Under tc the stack then divides what is too large into segments that have the outer headers each, and makes them
   * smaller by `bytes` (BPF_F_ADJ_ROOM_ENCAP_*, bpf_skb_net_grow). XDP: tags in the frame are *not* moved along.
   */
  encapsulate(bytes: number, _what: Encapsulation): Int<"u64"> {
    return this.adjustHead(-bytes);
  }

  /**
   * Takes `bytes` bytes out behind the link layer, which stays as it is under tc; XDP: what is before them is lost, and
   * the packet begins `bytes` bytes later. All references into the packet become stale. Returns 0, or a negative errno.
   */
  removeRoom(bytes: Int<"u32">): Int<"u64"> {
    return this.adjustHead(bytes);
  }

  /**
   * Makes room of `bytes` bytes behind the link layer, which stays as it is under tc; XDP: the room is before all. It
   * is not told what for. All references into the packet become stale. Returns 0, or a negative errno.
   */
  makeRoom(bytes: number): Int<"u64"> {
    return this.adjustHead(-bytes);
  }

  /**
   * Makes the packet's network header, which has no options, as long as that of `family`, the other one: 20 bytes more
   * or fewer behind the link layer, which stays as it is under tc; XDP: they come or go at the very front. What the
   * header says is for the program to write, and the link layer's type. All references into the packet become stale.
   * Returns 0, or a negative errno. Under tc the stack takes it for a packet of that family from then on.
   */
  changeFamily(family: "ipv4" | "ipv6"): Int<"u64"> {
    return this.adjustHead(family === "ipv6" ? -FAMILY_DIFFERENCE : FAMILY_DIFFERENCE);
  }

  /** Ends the program: out of the interface that the packet came in on. */
  sendBack(): Verdict {
    return tx();
  }

  /** Ends the program: out of interface `ifindex`, as the frame is. */
  sendTo(ifindex: Int<"u32">): Verdict {
    return verdict(redirect(ifindex));
  }

  /** For the library: calls a helper that moves the packet's bounds, the context its first argument. */
  protected moveBounds(helper: number, args: readonly (VirtualRegister | Constant)[]): Int<"u64"> {
    const result = callHelper(helper, [this.context, ...args]);
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
