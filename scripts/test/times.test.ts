// What stands above the sum.
import { expect, test } from "vitest";
import { Times } from "./times.ts";

test("parts in their order, and the five slowest files", () => {
  const times = new Times();
  times.addPart("check", 12.4);
  times.addPart("unit", 300);
  for (const [index, seconds] of [3, 9, 1, 7, 5, 8].entries()) times.addFile(`${index}.test.ts`, seconds);
  expect(times.lines()).toEqual([
    "time: check 12 s, unit 300 s",
    "slowest files: 1.test.ts 9 s, 5.test.ts 8 s, 3.test.ts 7 s, 4.test.ts 5 s, 0.test.ts 3 s",
  ]);
});

test("of a single file only the part", () => {
  const times = new Times();
  times.addPart("unit", 2);
  times.addFile("a.test.ts", 1);
  expect(times.lines()).toEqual(["time: unit 2 s"]);
});

test("files of a part that ran as a process of its own are named after it", () => {
  const inner = new Times();
  for (const name of ["a.test.ts", "b.test.ts"]) inner.addFile(name, name.charCodeAt(0));
  const outer = new Times();
  outer.addFile("c.test.ts", 98);
  outer.addFilesOf("vm", `${["…", ...inner.lines()].join("\n")}\r\n2 passed, 0 failed, 0 skipped\n`);
  outer.addFilesOf("unit", "it died");
  expect(outer.lines().at(-1)).toBe("slowest files: c.test.ts 98 s, vm:b.test.ts 98 s, vm:a.test.ts 97 s");
});
