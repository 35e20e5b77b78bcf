// Which plans a running program can serve.
import { expect, test } from "vitest";
import { configuration, service } from "../../test/sample.ts";
import { lackOf } from "./covers.ts";
import { plan } from "./plan.ts";

const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
const servers = [{ address: "10.0.0.11" }, { address: "10.0.0.12" }];
const shapeOf = (changes: Parameters<typeof service>[0], macs = [mac]) =>
  plan(configuration([service({ servers, ...changes })]), macs).shape;
const running = shapeOf({ scheduler: "wlc" });

test("the same, and less, can be", () => {
  expect(lackOf(running, running)).toBeUndefined();
  expect(lackOf(running, shapeOf({ scheduler: "wlc", servers: [] }))).toBe("methods dr");
  expect(lackOf({ ...running, schedulers: ["rr", "wlc"] }, running)).toBeUndefined();
  expect(lackOf({ ...running, maximumMembers: 1024 }, running)).toBeUndefined();
});

test.each<[string, Parameters<typeof service>[0]]>([
  ["schedulers mh", { scheduler: "mh" }],
  ["methods dr", { forwarding: "dr" }],
  ["families ipv6", { address: "2001:db8::1", servers: [{ address: "2001:db8::2" }] }],
  ["features persistence", { persistence: { timeoutMs: 1000, maskBits: 32 } }],
])("%s is missing", (lack, changes) => {
  expect(lackOf(running, shapeOf({ scheduler: "wlc", ...changes }))).toBe(lack);
});

test("more room, and other interfaces, need another program", () => {
  const many = Array.from({ length: 300 }, (_, at) => ({ address: `10.0.${at >> 8}.${at & 255}` }));
  expect(lackOf(running, shapeOf({ scheduler: "wlc", servers: many }))).toMatch(/^room for \d+ servers, not \d+$/);
  expect(lackOf(running, shapeOf({ scheduler: "wlc" }, [Uint8Array.of(2, 0, 0, 0, 0, 9)]))).toBe("macs");
});
