// The packet as a tc program sees it (sched_cls on ingress): a socket buffer of the network stack. Its first bytes are
// in one piece, the rest may lie in other pages; its outermost VLAN tag is beside it; its transport checksum may be yet
// to be computed; and it may stand for many segments that will be divided later. struct __sk_buff is in
// include/uapi/linux/bpf.h, the helpers are in net/core/filter.c.

import { type Constant, constant, type Operand, type VirtualRegister } from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { builder } from "./builder.ts";
import type { ChecksumChange } from "./checksum.ts";
import { choose, type Variable, variable, when } from "./control.ts";
import { callHelper, redirect } from "./helper.ts";
import { fitsBefore } from "./packet-checksum.ts";
import {
  type CarriedTag,
  type Checksummed,
  type CoveredChange,
  type Encapsulation,
  Packet,
  type PacketLayout,
} from "./packet.ts";
import { callerPosition } from "./position.ts";
import { addressOf, type Located, place, PLACE, within } from "./reference.ts";
import { type Bool, Int, inRegister, type Net } from "./scalar.ts";
import { u32, u64 } from "./types.ts";
import { type Verdict, verdict } from "./verdict.ts";

/** Byte offsets in struct __sk_buff. */
const LAYOUT: PacketLayout = { data: 76, end: 80, size: 4 };
const IFINDEX = 40;
const LENGTH = 0;
const PACKET_TYPE = 4;
const VLAN_PRESENT = 20;
const VLAN_TCI = 24;
const GSO_SIZE = 176;
/** PACKET_HOST, include/uapi/linux/if_packet.h: what eth_type_trans finds for the interface's own address. */
const PACKET_HOST = 0;

/** enum bpf_func_id, include/uapi/linux/bpf.h. */
const helpers = {
  replaceTransportChecksum: 11,
  pushTag: 18,
  popTag: 19,
  changeProtocol: 31,
  changeTail: 38,
  pullData: 39,
  updateSum: 40,
  changeHead: 43,
  adjustRoom: 50,
  redirectNeighbour: 152,
} as const;
/** BPF_F_PSEUDO_HDR and BPF_F_MARK_MANGLED_0 of bpf_l4_csum_replace. */
const PSEUDO_HEADER = 0x10;
const MARK_MANGLED_0 = 0x20;
/** BPF_ADJ_ROOM_MAC and BPF_F_ADJ_ROOM_ENCAP_* of bpf_skb_adjust_room. */
const ROOM_BEHIND_LINK_LAYER = 1;
const ENCAP_L3 = { ipv4: 1 << 1, ipv6: 1 << 2 } as const;
const ENCAP_L4 = { gre: 1 << 3, udp: 1 << 4 } as const;
/** ETH_P_IP and ETH_P_IPV6 in network order, as bpf_skb_change_proto takes them. */
const PROTOCOLS = { ipv4: 0x0008, ipv6: 0xdd86 } as const;
/** The type of a tag as bpf_skb_vlan_push takes it, in network order (ETH_P_8021Q). */
const TAG_TYPE = 0x0081;

/** Where the parts of a pending change begin in its number. */
const AT_MASK = 0xffff;
const DATAGRAM_SHIFT = 16;
const ADDRESSES_SHIFT = 17;
const CONTENTS_SHIFT = 40;
const SUM_MASK = 0x7f_ffff;

/** What the body of a tc program gets: the same as that of an XDP program, and what only tc has. */
export class TcPacket extends Packet {
  override readonly hook = "tc";
  /**
   * What `settle` is to write, in one number, since it lives long: where the checksum is (16 bits), whether it is UDP's
   * (1 bit), and the folded changes of addresses and of contents (23 bits each, of which one change takes 17). It
   * begins as 0, but not as one that the verifier knows of: it would follow each road with a change and again without.
   */
  readonly #pending: Variable<Int<"u64">>;
  /** Whether any part of the function has changed something. */
  #isUsed = false;

  constructor(context: VirtualRegister) {
    super(context, LAYOUT);
    // No packet is as long as 2 GiB.
    this.#pending = variable(this.#field(LENGTH).shr(31).toU64());
  }

  override length(): Int<"u32"> {
    return this.#field(LENGTH);
  }

  override ingressIfindex(): Int<"u32"> {
    return this.#field(IFINDEX);
  }

  override isForHost(): Bool {
    return this.#field(PACKET_TYPE).eq(PACKET_HOST);
  }

  override carriedTag(): CarriedTag {
    return { isPresent: this.#field(VLAN_PRESENT).ne(0), tci: this.#field(VLAN_TCI).toU16().toNet() };
  }

  override segmentPayload(): Int<"u32"> {
    return this.#field(GSO_SIZE);
  }

  override makeReadable(bytes: Int<"u32"> | number): void {
    this.assertOwned();
    const wanted = typeof bytes === "number" ? u32(bytes) : bytes;
    const length = this.length();
    const start = { ...place(this.data, "packet"), base: this.#advanced(wanted) };
    const isHere = fitsBefore(this.end, start, 0);
    when(
      isHere.not().and(length.gt(super.length())),
      () => {
        callHelper(helpers.pullData, [this.context, choose(wanted.lt(length), wanted, length).operand()]);
      },
      { isRare: true },
    );
    this.moved();
  }

  override updateChecksum({ header, type, zeroIsNone }: Checksummed, { addresses, contents }: CoveredChange): void {
    this.assertOwned();
    this.#isUsed = true;
    const at = new Int("u64", this.#distance(within(header[PLACE], type.offsets.check))).and(AT_MASK);
    let pending = this.#pending.get().shr(ADDRESSES_SHIFT).shl(ADDRESSES_SHIFT).add(at);
    if (zeroIsNone) pending = pending.or(1 << DATAGRAM_SHIFT);
    if (addresses !== undefined) pending = pending.add(folded(addresses).shl(ADDRESSES_SHIFT));
    if (contents !== undefined) pending = pending.add(folded(contents).shl(CONTENTS_SHIFT));
    this.#pending.set(pending);
  }

  override settle(): void {
    this.assertOwned();
    if (!this.#isUsed) return;
    const pending = this.#pending.get();
    when(pending.ne(0), () => {
      const at = pending.and(AT_MASK);
      const flags = pending.shr(DATAGRAM_SHIFT).and(1).shl(Math.log2(MARK_MANGLED_0));
      const sums = [
        // Of a packet whose sum is yet to be computed, the field holds the sum of the pseudo header: the helper knows.
        [pending.shr(ADDRESSES_SHIFT).and(SUM_MASK), flags.or(PSEUDO_HEADER)],
        [pending.shr(CONTENTS_SHIFT), flags],
      ] as const;
      for (const [sum, how] of sums) {
        const args = [at.operand(), constant(0), sum.operand(), how.operand()] as const;
        callHelper(helpers.replaceTransportChecksum, [this.context, ...args]);
      }
      this.#pending.set(u64(0));
    });
    this.moved();
  }

  /**
   * Adds one to what the checksum `at` bytes from the start covers: it stays as it is where it is yet to be computed,
   * and only there. All references into the packet become stale.
   */
  probeChecksum(at: Int<"u32">): void {
    callHelper(helpers.replaceTransportChecksum, [this.context, at.operand(), constant(0), constant(1), constant(0)]);
    this.moved();
  }

  /** Only where a network card has summed up the whole packet does it change anything (CHECKSUM_COMPLETE). */
  override accountFor(change: ChecksumChange): void {
    this.assertOwned();
    callHelper(helpers.updateSum, [this.context, folded(change).operand()]);
  }

  override declareSum(whole: ChecksumChange): void {
    this.assertOwned();
    // The sum as it is, in 32 bits, or an error: then there is none, and the second call changes nothing either.
    const current = callHelper(helpers.updateSum, [this.context, constant(0)]);
    const difference = current.and(0xffff_ffff).xor(0xffff_ffff).add(whole.sum);
    callHelper(helpers.updateSum, [this.context, folded({ sum: difference }).operand()]);
  }

  override adjustHead(delta: Int | number): Int<"u64"> {
    if (typeof delta === "number" && delta < 0)
      return this.moveBounds(helpers.changeHead, [constant(-delta), constant(0)]);
    const bytes = typeof delta === "number" ? delta : "a staged number of";
    const message = `the head of a tc program's packet is to move by ${bytes} bytes: it can only grow`;
    throw new BuildError("YM_BUILD_RANGE", message, callerPosition());
  }

  override adjustTail(delta: Int | number): Int<"u64"> {
    const by = typeof delta === "number" ? u32(delta >>> 0) : (delta as Int<"u32">);
    return this.moveBounds(helpers.changeTail, [this.length().add(by).operand() as VirtualRegister, constant(0)]);
  }

  override encapsulate(bytes: number, { family, transport }: Encapsulation): Int<"u64"> {
    const flags = ENCAP_L3[family] | (transport === undefined ? 0 : ENCAP_L4[transport]);
    const args = [constant(bytes), constant(ROOM_BEHIND_LINK_LAYER), constant(flags)];
    return this.moveBounds(helpers.adjustRoom, args);
  }

  override removeRoom(bytes: Int<"u32">): Int<"u64"> {
    const fewer = u32(0).sub(bytes);
    const args = [fewer.operand() as VirtualRegister, constant(ROOM_BEHIND_LINK_LAYER), constant(0)];
    return this.moveBounds(helpers.adjustRoom, args);
  }

  override makeRoom(bytes: number): Int<"u64"> {
    return this.moveBounds(helpers.adjustRoom, [constant(bytes), constant(ROOM_BEHIND_LINK_LAYER), constant(0)]);
  }

  override changeFamily(family: "ipv4" | "ipv6"): Int<"u64"> {
    return this.moveBounds(helpers.changeProtocol, [constant(PROTOCOLS[family]), constant(0)]);
  }

  /** Puts a tag on the packet, which has none. All references become stale. Returns 0, or a negative errno. */
  pushTag(tci: Net<"be16">): Int<"u64"> {
    return this.moveBounds(helpers.pushTag, [constant(TAG_TYPE), tci.toHost().operand()]);
  }

  /** Takes the outermost tag off. All references become stale. Returns 0, or a negative errno. */
  popTag(): Int<"u64"> {
    return this.moveBounds(helpers.popTag, []);
  }

  override sendBack(): Verdict {
    return this.sendTo(this.ingressIfindex());
  }

  override sendTo(ifindex: Int<"u32">): Verdict {
    this.settle();
    return verdict(redirect(ifindex));
  }

  /**
   * Ends the program: out of interface `ifindex`, to a neighbour that the stack resolves if need be; the packet waits.
   * `nextHop` is a struct bpf_redir_neigh of 20 bytes: family (u32) and address.
   */
  sendToNeighbour(ifindex: Int<"u32">, nextHop: Located): Verdict {
    this.settle();
    const args: Operand[] = [ifindex.operand(), addressOf(nextHop[PLACE]), constant(REDIRECT_SIZE), constant(0)];
    return verdict(callHelper(helpers.redirectNeighbour, args).toU32());
  }

  protected override moveBounds(helper: number, args: readonly (VirtualRegister | Constant)[]): Int<"u64"> {
    this.settle();
    return super.moveBounds(helper, args);
  }

  #field(offset: number): Int<"u32"> {
    this.assertOwned();
    return new Int("u32", this.contextField(offset));
  }

  #advanced(bytes: Int<"u32">): VirtualRegister {
    const target = builder().register();
    const left = inRegister(bytes.operand());
    builder().emit({ kind: "alu", operator: "add", width: 64, target, left, right: this.data });
    return target;
  }

  /** How far a place of the packet is from its start. */
  #distance(at: Located[typeof PLACE]): VirtualRegister {
    const address = addressOf(at) as VirtualRegister;
    const target = builder().register();
    builder().emit({ kind: "alu", operator: "sub", width: 64, target, left: address, right: this.data });
    return target;
  }
}

/** sizeof(struct bpf_redir_neigh). */
const REDIRECT_SIZE = 20;

/** A change as helpers take it, in 17 bits. */
function folded({ sum }: ChecksumChange): Int<"u64"> {
  const once = sum.and(0xffff).add(sum.shr(16));
  return once.and(0xffff).add(once.shr(16));
}
