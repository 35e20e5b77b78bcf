// A part that runs beside the others: its counts, and what it says when it does not end as it should.
import { expect, test, vi } from "vitest";
import { startBeside } from "./beside.ts";

/** Runs a script as a part; gives its counts and what was printed. */
async function play(script: string, program = process.execPath) {
  const printed: string[] = [];
  const keep = (text: unknown): boolean => printed.push(String(text)) > 0;
  const write = vi.spyOn(process.stdout, "write").mockImplementation(keep);
  const log = vi.spyOn(console, "log").mockImplementation(keep);
  try {
    const counts = await startBeside("part", [program, "-e", script]).finish();
    return { counts, text: printed.join("") };
  } finally {
    write.mockRestore();
    log.mockRestore();
  }
}

test("its counts are those of its last line, which is left to the sum", async () => {
  const { counts, text } = await play('console.log("fine\\n3 passed, 0 failed, 1 skipped")');
  expect(counts).toEqual({ passed: 3, failed: 0, skipped: 1 });
  expect(text).toBe("fine\n");
});

test("failures it counted are not counted twice", async () => {
  const { counts } = await play('console.log("3 passed, 2 failed, 0 skipped"); process.exitCode = 1');
  expect(counts).toEqual({ passed: 3, failed: 2, skipped: 0 });
});

test("one that ends before its counts, or otherwise than they say, has failed", async () => {
  const early = await play('console.log("begun"); process.exit(1)');
  expect(early.counts).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(early.text).toContain("begun");
  const contradictory = await play('console.log("3 passed, 0 failed, 0 skipped"); process.exitCode = 1');
  expect(contradictory.counts).toEqual({ passed: 3, failed: 1, skipped: 0 });
});

test("one that cannot be started has failed, and says why", async () => {
  const { counts, text } = await play("", "/nonexistent/program");
  expect(counts).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(text).toContain("/nonexistent/program");
});
