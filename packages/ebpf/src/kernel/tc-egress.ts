// Attaching a program to the egress of an interface at tc, where packets leave: by a TCX link since Linux 6.6, by a
// direct-action filter in a clsact qdisc before. The other direction is in tc-link.ts.

import {
  addClsact,
  BpfAttachType,
  FileDescriptor,
  linkCreate,
  listFilters,
  permissionHint,
  removeClsact,
  removeFilter,
  setFilter,
  SyscallError,
} from "@yardmaster/linux";
import { features } from "./features.ts";
import type { KernelProgram } from "./program.ts";
import { XdpLink } from "./xdp-link.ts";

const FIRST_PRIORITY = 4711;
const HOOK = { hook: "egress", handle: 1 } as const;

/**
 * Attaches `program`. The link is to be kept or pinned; without one, on kernels before 6.6, a filter called as the
 * program stays until `removeTcEgress`. Throws a SyscallError.
 */
export function attachTcEgress(program: KernelProgram, interfaceIndex: number): XdpLink | undefined {
  const { name } = program.spec;
  if (!features.tcxLink.isSupported()) {
    addClsact(interfaceIndex);
    const taken = new Set(listFilters(interfaceIndex, "egress").map(({ priority }) => priority));
    let priority = FIRST_PRIORITY;
    while (taken.has(priority)) priority += 1;
    setFilter({ ...HOOK, interfaceIndex, priority }, name, program.fd);
    return undefined;
  }
  const what = `TCX link of program "${name}" at the egress of interface ${interfaceIndex}`;
  const attachType = BpfAttachType.TCX_EGRESS;
  const result = linkCreate({ program: program.fd, target: interfaceIndex, attachType, flags: 0, what });
  if (result instanceof FileDescriptor) return new XdpLink(result);
  const doing = `attaching program "${name}" to the egress of interface ${interfaceIndex} (tc)`;
  throw new SyscallError({ doing, command: "bpf(BPF_LINK_CREATE)", errno: result.errno, hint: permissionHint() });
}

/** Takes the filters called `name` off the egress of an interface, and the qdisc when nothing else is in it. */
export function removeTcEgress(interfaceIndex: number, name: string): void {
  const ours = listFilters(interfaceIndex, "egress").filter((filter) => filter.name === name);
  for (const filter of ours) removeFilter(filter);
  const isEmpty = (["ingress", "egress"] as const).every((hook) => listFilters(interfaceIndex, hook).length === 0);
  if (ours.length > 0 && isEmpty) removeClsact(interfaceIndex);
}
