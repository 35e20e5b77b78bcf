// Locks on directories.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tryLock } from "./lock.ts";

test("a lock is had by one at a time, and free again when that one lets go", () => {
  const folder = mkdtempSync(join(tmpdir(), "yardmaster-lock-"));
  try {
    {
      using first = tryLock(folder);
      expect(first).toBeDefined();
      expect(tryLock(folder)).toBeUndefined();
    }
    using second = tryLock(folder);
    expect(second).toBeDefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what is not there cannot be locked", () => {
  expect(() => tryLock("/nonexistent/folder")).toThrow(/locking "\/nonexistent\/folder"/);
});
