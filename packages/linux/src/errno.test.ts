// Names and texts of errno values, and how a SyscallError reads.

import { expect, test } from "vitest";
import { Errno, errnoName, errnoText, SyscallError } from "./errno.ts";

test("the names are those of the kernel's sources", () => {
  for (const [name, errno] of Object.entries(Errno)) expect(errnoName(errno)).toBe(name);
  expect(errnoName(9999)).toBe("errno 9999");
});

test("every errno that is compared with has a text", () => {
  for (const errno of Object.values(Errno)) expect(errnoText(errno)).not.toBe("unknown error");
  expect(errnoText(9999)).toBe("unknown error");
});

test("a SyscallError says what was done, what went wrong and what to do", () => {
  const cause = new Error("deeper");
  const error = new SyscallError({
    doing: 'creating map "x"',
    command: "bpf(BPF_MAP_CREATE)",
    errno: 1,
    hint: "be root",
    cause,
  });
  expect(error.message).toBe('creating map "x": operation not permitted (EPERM from bpf(BPF_MAP_CREATE)); be root');
  expect(error).toMatchObject({ code: "YM_SYSCALL", errno: 1, errnoName: "EPERM", hint: "be root", cause });
  expect(new SyscallError({ doing: "x", command: "y", errno: 2 })).not.toHaveProperty("cause");
});
