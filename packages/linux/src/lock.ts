// Locks that end with the process that holds them, however it ends.

import { Errno, SyscallError } from "./errno.ts";
import { FileDescriptor } from "./fd.ts";
import * as ffi from "./ffi.ts";

/** O_RDONLY | O_CLOEXEC, the same on x86-64 and arm64 (include/uapi/asm-generic/fcntl.h). */
const O_CLOEXEC = 0o2000000;
/** LOCK_EX | LOCK_NB (include/uapi/asm-generic/fcntl.h). */
const EXCLUSIVE_AT_ONCE = 2 | 4;

/**
 * Takes the lock of a file or directory, which must exist: as long as the descriptor is open nobody else gets it.
 * Undefined where somebody has it.
 */
export function tryLock(path: string): FileDescriptor | undefined {
  const doing = `locking "${path}"`;
  const opened = ffi.open(path, O_CLOEXEC);
  if (opened < 0) throw new SyscallError({ doing, command: `open(${path})`, errno: -opened });
  const file = new FileDescriptor(opened, `lock "${path}"`);
  const locked = ffi.flock(file.value, EXCLUSIVE_AT_ONCE);
  if (locked >= 0) return file;
  file.close();
  if (locked === -Errno.EAGAIN) return undefined;
  throw new SyscallError({ doing, command: "flock", errno: -locked });
}
