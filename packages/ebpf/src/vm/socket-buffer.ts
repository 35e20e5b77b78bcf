// What a socket buffer of the network stack is beyond its bytes (struct sk_buff), for sched_cls programs: a VLAN tag
// beside the frame, bytes that are not in the first piece, a checksum that is yet to be computed or was computed by a
// card, and segments that are yet to be cut. As much of it as the helpers of net/core/filter.c ask for.

import type { SocketBufferInput } from "../spec.ts";
import { fold16, sumOf } from "./ones-complement.ts";
import type { Packet } from "./packet.ts";

const ETHERNET_HEADER = 14;
/** Where a tag stands in a frame: behind the two addresses. */
const TAG_AT = 12;
const TAG_BYTES = 4;
const TAG_TYPES: readonly number[] = [0x8100, 0x88a8];

/** A tag: its EtherType, and priority and number. */
export interface Tag {
  readonly type: number;
  readonly tci: number;
}

/** How a packet's checksums stand: `sum` of CHECKSUM_COMPLETE is of everything behind the link layer. */
type ChecksumState =
  | { readonly kind: "whole" }
  | { readonly kind: "partial"; readonly start: number; readonly offset: number }
  | { readonly kind: "complete"; sum: number };

/** The state of one run. */
export class SocketBuffer {
  readonly #packet: Packet;
  tag: Tag | undefined;
  segmentPayload = 0;
  packetType = 0;
  #checksum: ChecksumState = { kind: "whole" };

  constructor(packet: Packet) {
    this.#packet = packet;
  }

  /** Takes the state for the frame that the packet has been filled with. The outermost tag goes beside it, as the stack
   * does before it calls any program (skb_vlan_untag). */
  begin({ linearBytes, checksum = "whole", segmentPayload = 0, packetType = 0 }: SocketBufferInput): void {
    const packet = this.#packet;
    this.segmentPayload = segmentPayload;
    this.packetType = packetType;
    this.#checksum = { kind: "whole" };
    if (typeof checksum === "object") {
      this.#checksum = { kind: "partial", start: packet.start + checksum.start, offset: checksum.offset };
    }
    this.tag = this.takeTag();
    if (checksum === "complete") this.#checksum = { kind: "complete", sum: this.#actualSum() };
    if (linearBytes !== undefined) packet.cutReadable(Math.max(ETHERNET_HEADER, linearBytes));
  }

  get isPartial(): boolean {
    return this.#checksum.kind === "partial";
  }

  /** CHECKSUM_COMPLETE's sum, to read and to change. */
  get completeSum(): number | undefined {
    return this.#checksum.kind === "complete" ? this.#checksum.sum : undefined;
  }

  set completeSum(sum: number) {
    if (this.#checksum.kind === "complete") this.#checksum.sum = sum;
  }

  /** The least length that a packet whose checksum is yet to be computed can be cut to (__bpf_skb_min_len). */
  get minimumLength(): number {
    if (this.#checksum.kind !== "partial") return ETHERNET_HEADER;
    return this.#checksum.start - this.#packet.start + this.#checksum.offset + 2;
  }

  /** Runs what moves, adds or removes bytes as the stack does it: a card's sum goes along. */
  moving(change: () => void): void {
    const before = this.completeSum === undefined ? 0 : this.#actualSum();
    change();
    if (this.completeSum === undefined) return;
    this.completeSum = fold16(this.completeSum + (~before & 0xffff) + this.#actualSum());
  }

  /** Takes the tag in the frame out of it. */
  takeTag(): Tag | undefined {
    const packet = this.#packet;
    const { start, view, wholeEnd } = packet;
    if (wholeEnd - start < ETHERNET_HEADER + TAG_BYTES) return undefined;
    const tag = { type: view.getUint16(start + TAG_AT), tci: view.getUint16(start + TAG_AT + 2) };
    if (!TAG_TYPES.includes(tag.type)) return undefined;
    this.moving(() => packet.removeBytes(TAG_AT, TAG_BYTES));
    return tag;
  }

  /** Puts a tag into the frame. False where there is no room. */
  insertTag({ type, tci }: Tag): boolean {
    const packet = this.#packet;
    let isDone = false;
    this.moving(() => {
      isDone = packet.insertBytes(TAG_AT, TAG_BYTES);
      if (!isDone) return;
      packet.view.setUint16(packet.start + TAG_AT, type);
      packet.view.setUint16(packet.start + TAG_AT + 2, tci);
    });
    return isDone;
  }

  /** Whether a card's sum is still that of the packet; undefined where there is none. */
  get isCompleteSumRight(): boolean | undefined {
    const claimed = this.completeSum;
    if (claimed === undefined) return undefined;
    const difference = fold16(claimed + (~this.#actualSum() & 0xffff));
    return difference === 0xffff || difference === 0;
  }

  /** Makes the frame what a wire would carry: the tag in it, the checksum computed (skb_checksum_help). */
  finish(): void {
    const state = this.#checksum;
    if (state.kind === "partial") {
      const { view, wholeEnd } = this.#packet;
      const at = state.start + state.offset;
      const sum = ~sumOf(this.#packet.bytesFrom(state.start, wholeEnd)) & 0xffff;
      view.setUint16(at, sum === 0 ? 0xffff : sum);
    }
    if (this.tag !== undefined) this.insertTag(this.tag);
    this.tag = undefined;
    this.#checksum = { kind: "whole" };
  }

  #actualSum(): number {
    const { start, wholeEnd } = this.#packet;
    return sumOf(this.#packet.bytesFrom(start + ETHERNET_HEADER, wholeEnd));
  }
}
