// What runs of a configuration under what health checks, drains and slow starts say.
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { service } from "../../test/sample.ts";
import { nat, WEB } from "../../test/live/operations.ts";
import { Overlay } from "./overlay.ts";

const server = (last: number, weight: number) => ({ ...nat(last), weight });
const web = service({ servers: [server(1, 4), server(2, 2)] });
const endpoint = (last: number) => `10.0.0.${last}:${nat(last).port}`;

function weights(overlay: Overlay): readonly string[] {
  return overlay.effective([web]).flatMap(({ servers }) => servers.map((one) => `${one.address}*${one.weight}`));
}

describe("servers under an overlay", () => {
  test("have the least of the weights that are said of them; by hand it replaces their own", () => {
    const overlay = new Overlay();
    overlay.set("hand", WEB, endpoint(1), { weight: 9 });
    overlay.set("slowStart", WEB, endpoint(2), { weight: 1 });
    overlay.set("drain", WEB, endpoint(2), { weight: 5 });
    expect(weights(overlay)).toEqual(["10.0.0.1*9", "10.0.0.2*1"]);
    overlay.set("health", WEB, endpoint(1), { weight: 0 });
    expect(weights(overlay)).toEqual(["10.0.0.1*0", "10.0.0.2*1"]);
    for (const source of ["hand", "health", "slowStart", "drain"] as const) {
      for (const last of [1, 2]) overlay.set(source, WEB, endpoint(last), undefined);
    }
    expect(overlay.effective([web])[0]?.servers).toEqual(web.servers);
  });

  test("are down where checks say so, also those that have no weight anyway", () => {
    const overlay = new Overlay();
    const resting = service({ servers: [server(1, 0), server(2, 2)] });
    const down = () => overlay.effective([resting])[0]?.servers.map(({ isDown = false }) => isDown);
    overlay.set("drain", WEB, endpoint(1), { weight: 0 });
    expect(down()).toEqual([false, false]);
    overlay.set("health", WEB, endpoint(1), { weight: 0, isDown: true });
    expect(down()).toEqual([true, false]);
    overlay.set("health", WEB, endpoint(1), undefined);
    expect(down()).toEqual([false, false]);
  });

  test("are out as soon as one says so", () => {
    const overlay = new Overlay();
    overlay.set("hand", WEB, endpoint(1), { weight: 9 });
    overlay.set("health", WEB, endpoint(1), { isOut: true });
    expect(weights(overlay)).toEqual(["10.0.0.2*2"]);
  });

  test("may be there without being in the configuration, until they are in it", () => {
    const overlay = new Overlay();
    overlay.set("drain", WEB, endpoint(3), { weight: 0, adds: server(3, 7) });
    overlay.set("health", WEB, endpoint(2), { adds: server(2, 100) });
    expect(weights(overlay)).toEqual(["10.0.0.1*4", "10.0.0.2*2", "10.0.0.3*0"]);
  });

  test("of other services are as they were", () => {
    const overlay = new Overlay();
    overlay.set("drain", "tcp 198.51.100.99:80", endpoint(1), { weight: 0 });
    expect(overlay.effective([web])[0]).toBe(web);
  });
});

test("services of which nothing changed stay the same objects", () => {
  const overlay = new Overlay();
  const other = service({ name: "other", port: 81, servers: [server(1, 1)] });
  overlay.set("slowStart", WEB, endpoint(1), { weight: 2 });
  const [first] = overlay.effective([web, other]);
  overlay.set("slowStart", "tcp 198.51.100.10:81", endpoint(1), { weight: 0 });
  const [again, changed] = overlay.effective([web, other]);
  expect(again).toBe(first);
  expect(changed).not.toBe(other);
});

test("many changes are announced once, on a later turn; what changes nothing is not", async () => {
  let announced = 0;
  const overlay = new Overlay(() => (announced += 1));
  for (const weight of [1, 2, 3]) overlay.set("slowStart", WEB, endpoint(1), { weight });
  expect(announced).toBe(0);
  await turn();
  await turn();
  expect(announced).toBe(1);
  overlay.set("slowStart", WEB, endpoint(1), { weight: 3 });
  overlay.set("health", WEB, endpoint(1), undefined);
  await turn();
  await turn();
  expect(announced).toBe(1);
});
