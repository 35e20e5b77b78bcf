// Programs at tc without links, as before Linux 6.6: a clsact qdisc on the interface and a direct-action filter in it,
// which stays when the process is gone (include/uapi/linux/rtnetlink.h, pkt_sched.h, pkt_cls.h).

import { Errno, SyscallError } from "../errno.ts";
import type { FileDescriptor } from "../fd.ts";
import { Attributes, type NetlinkAttribute, packAttributes } from "./message.ts";
import { askRoute } from "./route-socket.ts";

const RTM_NEWQDISC = 36;
const RTM_DELQDISC = 37;
const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
const RTM_GETTFILTER = 46;
const NLM_F_ACK = 0x4;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
/** sizeof(struct tcmsg) */
const FIXED_SIZE = 20;
/** TC_H_CLSACT with minor 0, the qdisc's own handle; TC_H_CLSACT; and its two hooks (TC_H_MIN_INGRESS, …_EGRESS). */
const CLSACT_HANDLE = 0xffff_0000;
const CLSACT_PARENT = 0xffff_fff1;
const HOOKS = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_BPF = { FD: 6, NAME: 7, FLAGS: 8, ID: 11 } as const;
const TCA_BPF_FLAG_ACT_DIRECT = 1;
/** ETH_P_ALL in network order, as the low half of tcm_info. */
const ALL_PROTOCOLS = 0x0300;

/** Where a filter sits in an interface's hook. */
export interface FilterPlace {
  readonly interfaceIndex: number;
  /** Default: ingress. */
  readonly hook?: keyof typeof HOOKS;
  /** 1 to 65535; lower ones see packets first. */
  readonly priority: number;
  /** Among those of one priority. */
  readonly handle: number;
}

/** A filter as the kernel lists it. */
export interface TrafficFilter extends FilterPlace {
  /** "bpf", "u32" … */
  readonly kind: string;
  /** Only of `bpf`: what it was called when it was made, and its program. */
  readonly name: string | undefined;
  readonly programId: number | undefined;
}

function fixedPart({ interfaceIndex, handle, parent, info = 0 }: Readonly<Record<string, number>>): Uint8Array {
  const fixed = new Uint8Array(FIXED_SIZE);
  const view = new DataView(fixed.buffer);
  view.setInt32(4, interfaceIndex ?? 0, true);
  view.setUint32(8, handle ?? 0, true);
  view.setUint32(12, parent ?? 0, true);
  view.setUint32(16, info, true);
  return fixed;
}

function number32(type: number, value: number): NetlinkAttribute {
  return { type, value: new Uint8Array(Uint32Array.of(value).buffer) };
}

function text(type: number, value: string): NetlinkAttribute {
  return { type, value: Buffer.from(`${value}\0`, "utf8") };
}

function qdiscMessage(interfaceIndex: number): Uint8Array {
  return fixedPart({ interfaceIndex, handle: CLSACT_HANDLE, parent: CLSACT_PARENT });
}

/** Makes the qdisc that filters at ingress and egress need. False where one was there already. */
export function addClsact(interfaceIndex: number): boolean {
  try {
    askRoute({
      type: RTM_NEWQDISC,
      fixed: qdiscMessage(interfaceIndex),
      attributes: [text(TCA_KIND, "clsact")],
      dump: false,
      flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
      doing: `making a clsact qdisc on interface ${interfaceIndex}`,
    });
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.errno === Errno.EEXIST) return false;
    throw error;
  }
}

/** Takes the qdisc away, and every filter in it. */
export function removeClsact(interfaceIndex: number): void {
  const doing = `removing the clsact qdisc of interface ${interfaceIndex}`;
  const fixed = qdiscMessage(interfaceIndex);
  askRoute({ type: RTM_DELQDISC, fixed, dump: false, flags: NLM_F_ACK, doing });
}

/** Puts `program` at a hook, direct-action; what is at this place already is replaced between two packets. */
export function setFilter(place: FilterPlace, name: string, program: FileDescriptor): void {
  const options = [
    number32(TCA_BPF.FD, program.value),
    text(TCA_BPF.NAME, name),
    number32(TCA_BPF.FLAGS, TCA_BPF_FLAG_ACT_DIRECT),
  ];
  askRoute({
    type: RTM_NEWTFILTER,
    fixed: filterMessage(place),
    attributes: [text(TCA_KIND, "bpf"), { type: TCA_OPTIONS, value: packAttributes(options) }],
    dump: false,
    flags: NLM_F_ACK | NLM_F_CREATE,
    doing: `attaching ${program.what} to interface ${place.interfaceIndex} (tc filter)`,
  });
}

/** Takes a filter off. One that is gone is no error. */
export function removeFilter(place: FilterPlace): void {
  const doing = `removing a tc filter from interface ${place.interfaceIndex}`;
  try {
    askRoute({
      type: RTM_DELTFILTER,
      fixed: filterMessage(place),
      attributes: [text(TCA_KIND, "bpf")],
      dump: false,
      flags: NLM_F_ACK,
      doing,
    });
  } catch (error) {
    const gone: readonly number[] = [Errno.ENOENT, Errno.EINVAL, Errno.ENODEV];
    if (!(error instanceof SyscallError && gone.includes(error.errno))) throw error;
  }
}

function filterMessage({ interfaceIndex, hook = "ingress", priority, handle }: FilterPlace): Uint8Array {
  return fixedPart({ interfaceIndex, handle, parent: HOOKS[hook], info: (priority << 16) + ALL_PROTOCOLS });
}

/** The filters at a hook of an interface; none where it has no clsact qdisc. */
export function listFilters(interfaceIndex: number, hook: keyof typeof HOOKS = "ingress"): readonly TrafficFilter[] {
  const fixed = fixedPart({ interfaceIndex, parent: HOOKS[hook] });
  const doing = `listing the tc filters of interface ${interfaceIndex}`;
  return askRoute({ type: RTM_GETTFILTER, fixed, dump: true, doing }).flatMap(({ payload }) => {
    const attributes = new Attributes(payload, FIXED_SIZE);
    const handle = payload.getUint32(8, true);
    // Each priority is listed without a handle, too, as the head of its filters.
    if (handle === 0) return [];
    const options = attributes.nested(TCA_OPTIONS);
    return {
      interfaceIndex: payload.getInt32(4, true),
      hook,
      priority: payload.getUint32(16, true) >>> 16,
      handle,
      kind: attributes.text(TCA_KIND) ?? "",
      name: options?.text(TCA_BPF.NAME),
      programId: options?.u32(TCA_BPF.ID),
    };
  });
}
