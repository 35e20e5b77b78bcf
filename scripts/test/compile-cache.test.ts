// The folder of what Node compiled does not grow for ever.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { trimCompileCache } from "./compile-cache.ts";

test("a folder is emptied when it holds too much, and left alone before", () => {
  const folder = mkdtempSync(join(tmpdir(), "yardmaster-compiled-"));
  try {
    mkdirSync(join(folder, "v24"));
    writeFileSync(join(folder, "v24", "a"), "");
    trimCompileCache(folder, 2);
    expect(existsSync(join(folder, "v24", "a"))).toBe(true);
    trimCompileCache(folder, 1);
    expect(existsSync(folder)).toBe(false);
    trimCompileCache(folder, 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
