// The state on a disk that is full: what was written before stays whole.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeKernel } from "../../test/kernel-test.ts";
import { StateFile } from "./state-file.ts";

describeKernel("the state of a director", () => {
  test("on a full disk is the one before, and that is said", async () => {
    const folder = mkdtempSync(join(tmpdir(), "yardmaster-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
    try {
      const said: string[] = [];
      const file = new StateFile(folder, (line) => said.push(line));
      const state = { running: { text: "before", edits: [] }, file: "", leaving: [], savedAtMs: 0 };
      await file.write(state);
      expect(() => writeFileSync(join(folder, "large"), "x".repeat(100_000))).toThrow(/ENOSPC/);
      await file.write({ ...state, running: { text: "after".repeat(10_000), edits: [] } });
      expect(said).toEqual([expect.stringMatching(/ENOSPC/)]);
      expect(file.read()?.running.text).toBe("before");
    } finally {
      execFileSync("umount", [folder]);
      rmSync(folder, { recursive: true });
    }
  });
});
