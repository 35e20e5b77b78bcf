// Names and texts of errno values, and the error that every failed system call becomes.

import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

/** What os.constants does not name: include/uapi/asm-generic/errno.h, and include/linux/errno.h for 524. */
const MORE_NAMES: Readonly<Record<string, number>> = { ENOTUNIQ: 76, EUCLEAN: 117, ENOKEY: 126, ENOTSUPP: 524 };
/** Two names share a number; these are the ones that the kernel's sources use. */
const PREFERRED: Readonly<Record<string, number>> = { EAGAIN: 11, EOPNOTSUPP: 95 };

const names = new Map<number, string>(
  [constants.errno, MORE_NAMES, PREFERRED].flatMap((codes) =>
    Object.entries(codes).map(([name, code]): [number, string] => [code, name]),
  ),
);

/** Texts for numbers that libuv has none for. */
const MORE_TEXTS: ReadonlyMap<number, string> = new Map([
  [117, "structure needs cleaning"],
  [524, "operation not supported by this kernel object"],
]);

/** Linux errno values that the project's code compares with (include/uapi/asm-generic/errno*.h). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  ERANGE: 34,
  EOPNOTSUPP: 95,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  EHOSTUNREACH: 113,
  ENOTSUPP: 524,
} as const;

/** The name of an errno ("EPERM"), or "errno 999" for one that has none. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** The text of an errno, lower case ("operation not permitted"). */
export function errnoText(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[1] ?? MORE_TEXTS.get(errno) ?? "unknown error";
}

/** What a SyscallError is made of. */
export interface SyscallFailure {
  /** What was being done, as the beginning of a sentence: `creating map "services"`. */
  readonly doing: string;
  /** The call that failed: `bpf(BPF_MAP_CREATE)`, `open(/run/netns/x)`. */
  readonly command: string;
  /** Positive errno. */
  readonly errno: number;
  /** What to do about it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** A system call failed. `code` is stable: "YM_SYSCALL"; tell errors apart by `errno` or `errnoName`. */
export class SyscallError extends Error {
  override readonly name = "SyscallError";
  readonly code = "YM_SYSCALL";
  readonly command: string;
  readonly errno: number;
  readonly errnoName: string;
  readonly hint: string | undefined;

  constructor(failure: SyscallFailure) {
    const name = errnoName(failure.errno);
    const hint = failure.hint === undefined ? "" : `; ${failure.hint}`;
    const text = `${failure.doing}: ${errnoText(failure.errno)} (${name} from ${failure.command})${hint}`;
    super(text, failure.cause === undefined ? undefined : { cause: failure.cause });
    this.command = failure.command;
    this.errno = failure.errno;
    this.errnoName = name;
    this.hint = failure.hint;
  }
}
