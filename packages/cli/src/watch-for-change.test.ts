// Which changes of a file are seen, and when.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { watchForChange } from "./watch-for-change.ts";

let folder = "";
let seen = 0;
let end = () => {};
const path = (name: string) => join(folder, name);
const looks = (count: number) => vi.advanceTimersByTime(count * 250);

beforeEach(() => {
  vi.useFakeTimers();
  folder = mkdtempSync(join(tmpdir(), "watch-"));
  writeFileSync(path("y.yaml"), "services: {}\n");
  seen = 0;
  end = watchForChange(path("y.yaml"), () => void (seen += 1));
});
afterEach(() => {
  end();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

test("nothing while it stays as it is", () => {
  looks(10);
  expect(seen).toBe(0);
});

test("a file written in place is seen once, when it is whole", () => {
  truncateSync(path("y.yaml"));
  looks(1);
  for (const part of ["services:", "services: { web", "services: { web: {} }"]) {
    writeFileSync(path("y.yaml"), part);
    looks(1);
    expect(seen).toBe(0);
  }
  looks(10);
  expect(seen).toBe(1);
});

test("a file that another takes the place of, also when there is none in between", () => {
  writeFileSync(path("next"), "services:  {}\n");
  rmSync(path("y.yaml"));
  looks(4);
  expect(seen).toBe(0);
  renameSync(path("next"), path("y.yaml"));
  looks(4);
  expect(seen).toBe(1);
});

test("a symbolic link to a folder that is exchanged, as a ConfigMap's", () => {
  end();
  for (const name of ["first", "second"]) {
    mkdirSync(path(name));
    writeFileSync(path(`${name}/y.yaml`), "services: {}\n");
  }
  symlinkSync("first", path("..data"));
  symlinkSync("..data/y.yaml", path("map.yaml"));
  end = watchForChange(path("map.yaml"), () => void (seen += 1));
  symlinkSync("second", path("..tmp"));
  renameSync(path("..tmp"), path("..data"));
  looks(4);
  expect(seen).toBe(1);
});
