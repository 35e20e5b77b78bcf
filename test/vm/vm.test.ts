// The pieces of the virtual machine that need none: the archive format, module dependencies, reading the guest's
// counts.
import { expect, test } from "vitest";
import { moduleDependencies } from "./guest-kernel.ts";
import { archive, executable, folder } from "./initramfs.ts";
import { countGuestTests } from "./run-tests-in-vm.ts";

test("an archive has a header, a padded name and padded content for each entry, and ends with the trailer", () => {
  const bytes = archive([folder("bin"), executable("bin/a", "hello")]);
  expect(bytes.length % 4).toBe(0);
  expect(bytes.toString("latin1", 0, 14)).toBe("07070100000001");
  expect(bytes.toString("latin1", 110, 114)).toBe("bin\0");
  const second = bytes.subarray(116);
  expect(second.toString("latin1", 0, 22)).toBe(`070701${"00000002"}${"000081ed"}`);
  expect(second.toString("latin1", 116, 121)).toBe("hello");
  expect(bytes.includes("TRAILER!!!\0")).toBe(true);
});

test("module dependencies come from .modinfo, with names as the kernel sees them", () => {
  expect(moduleDependencies(Buffer.from("x\0license=GPL\0depends=virtio-ring,9pnet\0name=a\0"))).toEqual([
    "virtio_ring",
    "9pnet",
  ]);
  expect(moduleDependencies(Buffer.from("x\0depends=\0name=a\0"))).toEqual([]);
  expect(moduleDependencies(Buffer.from("no such section"))).toEqual([]);
});

const ended = { console: "", timedOut: false };

test("the guest's last line is its result", () => {
  const output = "…\n1 passed, 2 failed, 3 skipped\nmore\n7 passed, 0 failed, 1 skipped\r\n";
  expect(countGuestTests({ ...ended, output, status: 0 })).toEqual({ passed: 7, failed: 0, skipped: 1 });
});

test("a guest that dies, or whose status contradicts its counts, is a failed test", () => {
  const output = "7 passed, 0 failed, 1 skipped\n";
  expect(countGuestTests({ ...ended, output, status: 1 }).failed).toBe(1);
  expect(countGuestTests({ ...ended, output: "boom", status: undefined }).failed).toBe(1);
  expect(countGuestTests({ ...ended, output, status: undefined, timedOut: true })).toEqual({
    passed: 7,
    failed: 1,
    skipped: 1,
  });
});
