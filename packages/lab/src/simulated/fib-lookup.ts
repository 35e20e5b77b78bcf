// bpf_fib_lookup for the interpreter, answered from a simulated host's routes and neighbours, with the kernel's answers
// (net/core/filter.c, bpf_ipv4_fib_lookup and bpf_ipv6_fib_lookup).
import type { HelperCall } from "@yardmaster/director/simulation";
import { formatAddress } from "@yardmaster/packet";

import type { Interface, NextStep } from "./host.ts";

/** The helper's number (enum bpf_func_id, include/uapi/linux/bpf.h). */
export const FIB_LOOKUP_HELPER = 69;

/** struct bpf_fib_lookup (include/uapi/linux/bpf.h): where its fields begin. All numbers but addresses: host order. */
const FIB = { size: 64, family: 0, mtu: 6, ifindex: 8, destination: 32, vlan: 48, sourceMac: 52, destinationMac: 58 };
/** AF_INET, AF_INET6 (include/linux/socket.h), and how long their addresses are. */
const ADDRESS_LENGTHS: ReadonlyMap<number, number> = new Map([
  [2, 4],
  [10, 16],
]);
/** BPF_FIB_LKUP_RET_* (include/uapi/linux/bpf.h). */
const ANSWERS = { success: 0, notForwarded: 4, forwardingDisabled: 5, noNeighbour: 7 } as const;
/** -EINVAL, -EAFNOSUPPORT (include/uapi/asm-generic/errno.h). */
const EINVAL = -22;
const EAFNOSUPPORT = -97;

/** Who is asked: a host, or whatever else knows as much about the ways to addresses (in their canonical text). */
interface Router {
  readonly forwards: boolean;
  nextStep(address: string): Exclude<NextStep, Link> | (Omit<Link, "out"> & { readonly out: Out });
}
type Link = Extract<NextStep, { readonly kind: "link" }>;
type Out = Pick<Interface, "index" | "mac" | "mtu">;

/** The helper as a program finds it on `host`. Arguments: context, question, its length, flags. */
export function fibLookup(host: Router): (call: HelperCall) => number {
  return (call) => {
    if (call.int(3) < FIB.size) return EINVAL;
    const bytes = call.bytes(2, FIB.size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, FIB.size);
    const length = ADDRESS_LENGTHS.get(bytes[FIB.family] ?? 0);
    if (length === undefined) return EAFNOSUPPORT;
    if (!host.forwards) return ANSWERS.forwardingDisabled;
    const step = host.nextStep(formatAddress(bytes.subarray(FIB.destination, FIB.destination + length)));
    if (step.kind === "noNeighbour") return ANSWERS.noNeighbour;
    if (step.kind !== "link") return ANSWERS.notForwarded;
    view.setUint32(FIB.ifindex, step.out.index, true);
    view.setUint16(FIB.mtu, step.out.mtu, true);
    view.setUint32(FIB.vlan, 0);
    bytes.set(step.out.mac, FIB.sourceMac);
    bytes.set(step.mac, FIB.destinationMac);
    return ANSWERS.success;
  };
}
