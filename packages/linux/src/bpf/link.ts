// bpf(2) commands on links: a link attaches a program to a hook for as long as the link lives.

import { Errno } from "../errno.ts";
import { FileDescriptor } from "../fd.ts";
import { BpfAttribute } from "./attribute.ts";
import { BPF_F_REPLACE } from "./constants.ts";

/** Arguments of BPF_LINK_CREATE. */
export interface LinkCreateOptions {
  readonly program: FileDescriptor;
  /** A descriptor or an interface index, whatever the attach type wants. */
  readonly target: number;
  /** One of BpfAttachType. */
  readonly attachType: number;
  readonly flags: number;
  /** What the link is, for messages. */
  readonly what: string;
}

/** Attaches: the link's descriptor, or the positive errno with which the kernel refused. */
export function linkCreate(options: LinkCreateOptions): FileDescriptor | { readonly errno: number } {
  const attr = new BpfAttribute(16)
    .u32(0, options.program.value)
    .u32(4, options.target)
    .u32(8, options.attachType)
    .u32(12, options.flags);
  const result = attr.tryCall("LINK_CREATE");
  return result < 0 ? { errno: -result } : new FileDescriptor(result, options.what);
}

/** Puts `program` in the place of the link's program between two packets. With `expected`, only if that is
 * the program there now; otherwise throws with EPERM. */
export function linkUpdate(link: FileDescriptor, program: FileDescriptor, expected?: FileDescriptor): void {
  const attr = new BpfAttribute(16).u32(0, link.value).u32(4, program.value);
  if (expected !== undefined) attr.u32(8, BPF_F_REPLACE).u32(12, expected.value);
  attr.call("LINK_UPDATE", `replacing the program of ${link.what} by ${program.what}`);
}

/** Takes the link off its hook at once, even if others hold or pin it. A hook that is gone is no error. */
export function linkDetach(link: FileDescriptor): void {
  const attr = new BpfAttribute(16).u32(0, link.value);
  const result = attr.tryCall("LINK_DETACH");
  if (result < 0 && result !== -Errno.ENOENT) attr.call("LINK_DETACH", `detaching ${link.what}`);
}

/** BPF_MPROG_MAX: programs that one hook of an interface can have (include/linux/bpf_mprog.h). */
const MOST_PROGRAMS = 64;

/**
 * Ids of the programs at an interface's hook (one of BpfAttachType, of TCX), in the order in which packets meet them.
 */
export function programsAt(interfaceIndex: number, attachType: number): readonly number[] {
  const ids = new Uint32Array(MOST_PROGRAMS);
  const attr = new BpfAttribute(64)
    .u32(0, interfaceIndex)
    .u32(4, attachType)
    .pointer(16, new Uint8Array(ids.buffer))
    .u32(24, MOST_PROGRAMS);
  attr.call("PROG_QUERY", `listing programs on interface ${interfaceIndex}`);
  return [...ids.subarray(0, attr.getU32(24))];
}
