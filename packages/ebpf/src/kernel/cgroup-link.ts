// Attaching a program to a control group: it is asked about the sockets of all processes in it and below.

import {
  BpfAttachType,
  Errno,
  FileDescriptor,
  linkCreate,
  linkDetach,
  openDirectory,
  permissionHint,
  SyscallError,
} from "@yardmaster/linux";
import { ObjectError } from "./errors.ts";
import type { KernelProgram } from "./program.ts";

/** A program attached to a control group, for as long as the link is open or pinned. */
export class CgroupLink implements Disposable {
  readonly fd: FileDescriptor;

  /** Takes ownership of `fd`, a control group's link. */
  constructor(fd: FileDescriptor) {
    this.fd = fd;
  }

  /** Takes the program off at once, even if the link is pinned. */
  detach(): void {
    linkDetach(this.fd);
  }

  /** Lets go; the program goes off unless the link is pinned. */
  close(): void {
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Attaches `program`, whose specification names the hook, to the control group (version 2) at `path`, beside those
 * that are there (BPF_F_ALLOW_MULTI is implied by links, kernel/bpf/cgroup.c). Throws SyscallError.
 */
export function attachCgroup(program: KernelProgram, path: string): CgroupLink {
  const { attachType, name } = program.spec;
  const doing = `attaching program "${name}" to control group ${path}`;
  if (attachType === undefined) throw new ObjectError("YM_PROGRAM_HOOK", `${doing}: it is no program for them`);
  using group = openDirectory(path, doing);
  const result = linkCreate({
    program: program.fd,
    target: group.value,
    attachType: BpfAttachType[attachType],
    flags: 0,
    what: `link of program "${name}" to control group ${path}`,
  });
  if (result instanceof FileDescriptor) return new CgroupLink(result);
  const { errno } = result;
  const hint =
    errno === Errno.EPERM
      ? permissionHint()
      : errno === Errno.EBADF
        ? "it is no control group of version 2; on hybrid systems those are under /sys/fs/cgroup/unified"
        : undefined;
  throw new SyscallError({ doing, command: "bpf(BPF_LINK_CREATE)", errno, hint });
}
