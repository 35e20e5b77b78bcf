// The bpf file system, where pinned objects live.

import { statfsSync } from "node:fs";
import { Errno, SyscallError } from "./errno.ts";
import * as ffi from "./ffi.ts";
import { permissionHint } from "./privileges.ts";

/** BPF_FS_MAGIC (include/uapi/linux/magic.h). */
const BPF_FS_MAGIC = 0xcafe4a11;

/** Whether `directory` exists and lies in a bpf file system. */
export function isBpfFileSystem(directory: string): boolean {
  try {
    return statfsSync(directory).type === BPF_FS_MAGIC;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Mounts a bpf file system on `directory`, which must exist, unless one is there. */
export function mountBpfFileSystem(directory: string): void {
  if (isBpfFileSystem(directory)) return;
  const result = ffi.mount("bpf", directory, "bpf", 0);
  if (result >= 0) return;
  const hint = result === -Errno.EPERM ? permissionHint() : undefined;
  const doing = `mounting a bpf file system on "${directory}"`;
  throw new SyscallError({ doing, command: "mount", errno: -result, hint });
}
