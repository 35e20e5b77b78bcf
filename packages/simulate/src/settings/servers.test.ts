// Groups of servers in one line of text.
import { expect, test } from "vitest";
import { describeServer, parseServers } from "./servers.ts";

const plain = { weight: 1, speed: 1, workers: Number.POSITIVE_INFINITY, upper: 0, lower: 0 };

test("groups become servers in their order, with defaults for what is not said", () => {
  expect(parseServers("2x weight=3, speed=0.5 workers=10 upper=20 lower=15,1x")).toEqual([
    { ...plain, name: "s1", weight: 3 },
    { ...plain, name: "s2", weight: 3 },
    { ...plain, name: "s3", speed: 0.5, workers: 10, upper: 20, lower: 15 },
    { ...plain, name: "s4" },
  ]);
});

test.each([
  ["0x weight=1", `"0" is not a number of servers`],
  ["1001x", `"1001" is not a number of servers`],
  ["600x, 600x", "1200 servers are too many"],
  ["weight=1,", "a group of servers is empty"],
  ["weight=70000", `"70000" is not a weight`],
  ["wieght=1", `"wieght=1" says nothing of a server`],
  ["4", `"4" says nothing of a server`],
])("%s is refused", (text, message) => {
  expect(() => parseServers(text)).toThrow(message);
});

test("a slip of the pen is met with the word that was meant", () => {
  expect(() => parseServers("wieght=1")).toThrow(expect.objectContaining({ hint: "did you mean weight=?" }));
});

test("what sets a server apart is described, what is usual is not", () => {
  expect(parseServers("1x, weight=0 speed=2 workers=5 upper=9").map(describeServer)).toEqual([
    "weight 1",
    "weight 0, speed 2, 5 workers, at most 9",
  ]);
});
