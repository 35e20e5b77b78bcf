// The bpf file system, where pinned objects live, and directories as descriptors.

import { statfsSync } from "node:fs";
import { Errno, SyscallError } from "./errno.ts";
import { FileDescriptor } from "./fd.ts";
import * as ffi from "./ffi.ts";
import { permissionHint } from "./privileges.ts";

/** BPF_FS_MAGIC (include/uapi/linux/magic.h). */
const BPF_FS_MAGIC = 0xcafe4a11;

/** O_RDONLY | O_CLOEXEC, the same on x86-64 and arm64 (include/uapi/asm-generic/fcntl.h). */
const O_RDONLY_CLOEXEC = 0o2000000;

/** A descriptor of the directory at `path`. Throws a SyscallError that begins with `doing`. */
export function openDirectory(path: string, doing: string): FileDescriptor {
  const result = ffi.open(path, O_RDONLY_CLOEXEC);
  if (result >= 0) return new FileDescriptor(result, path);
  throw new SyscallError({ doing, command: `open(${path})`, errno: -result });
}

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
