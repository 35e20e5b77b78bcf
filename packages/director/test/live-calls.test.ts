// What changes cost: how often the kernel is asked, whatever there is besides what changes. On a host that counts.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import type { BpfMap } from "@yardmaster/ebpf";
import { expect, test } from "vitest";
import type { VirtualService } from "../src/model/virtual-service.ts";
import { fullShape, LiveGround } from "./live/ground.ts";
import { service } from "./sample.ts";

const METHODS = [
  ...["lookup", "update", "updateBatch", "delete", "exchange", "batches", "entries"],
  ...["writeWords", "updateInner", "updateInners"],
] as const;
const together = { arrival: "together" } as const;
const SERVERS = 20;
const shape = { ...fullShape, maximumServices: 64, maximumDestinations: 2048, maximumMembers: 32 };

/** A host whose maps count what is asked of them: in the kernel each is a system call, but for exchanges. */
function countingHost() {
  const host = createMemoryHost();
  const calls = new Map<string, number>();
  let isInside = false;
  const counted = <M extends object>(map: M & { readonly spec: { readonly name: string } }): M => {
    for (const method of METHODS) {
      const known = (map as Record<string, unknown>)[method];
      if (typeof known !== "function") continue;
      const name = `${map.spec.name} ${method}`;
      Object.defineProperty(map, method, {
        writable: true,
        value: (...words: unknown[]): unknown => {
          // A batch in the interpreter is made of single ones.
          if (isInside) return known.apply(map, words) as unknown;
          calls.set(name, (calls.get(name) ?? 0) + 1);
          isInside = true;
          try {
            return known.apply(map, words) as unknown;
          } finally {
            isInside = false;
          }
        },
      });
    }
    return map;
  };
  const { createMap, reopenMap } = host;
  host.createMap = ((...words: Parameters<typeof createMap>) =>
    counted(createMap.apply(host, words))) as typeof createMap;
  host.reopenMap = ((...words: Parameters<typeof reopenMap>) =>
    counted(reopenMap.apply(host, words) as BpfMap)) as typeof reopenMap;
  return { host, calls };
}

const services = (count: number): readonly VirtualService[] =>
  Array.from({ length: count }, (_, at) =>
    service({
      ...{ name: `s${at}`, address: `198.51.100.${at}`, scheduler: "wlc" },
      servers: Array.from({ length: SERVERS }, (__, server) => ({ address: `10.0.${at}.${server + 1}`, weight: 2 })),
    }),
  );

/** Calls that `act` makes on live services, so many of them. */
function callsOf(count: number, act: (live: LiveGround["live"], all: readonly VirtualService[]) => void) {
  const { host, calls } = countingHost();
  using ground = new LiveGround(host, { shape });
  const all = services(count);
  ground.live.reconcile(all, together);
  calls.clear();
  act(ground.live, all);
  return Object.fromEntries([...calls].toSorted(([a], [b]) => a.localeCompare(b)));
}

const oneWeight = (live: LiveGround["live"], all: readonly VirtualService[]): void => {
  const [first, ...rest] = all;
  if (first === undefined) throw new Error("there are services");
  const servers = first.servers.map((server, at) => (at === 3 ? { ...server, weight: 7 } : server));
  live.reconcile([{ ...first, servers }, ...rest], together);
};

test("another weight is a handful of calls, and as many among fifty services as alone", () => {
  const alone = callsOf(1, oneWeight);
  expect(alone).toMatchInlineSnapshot(`
    {
      "destinations update": 1,
      "identities lookup": 1,
      "service_records lookup": 1,
      "service_records update": 1,
      "services exchange": 1,
    }
  `);
  expect(callsOf(50, oneWeight)).toEqual(alone);
});

test("the same services once more are no call at all", () => {
  expect(
    callsOf(50, (live, all) =>
      live.reconcile(
        all.map((one) => ({ ...one })),
        together,
      ),
    ),
  ).toEqual({});
});

test("a service with all of its servers is a few calls, however many they are", () => {
  const added = callsOf(1, (live) => {
    const [, second] = services(2);
    if (second !== undefined) live.addService(second, second.servers);
  });
  expect(added).toMatchInlineSnapshot(`
    {
      "addresses4 update": 1,
      "destinations updateBatch": 1,
      "identities lookup": 1,
      "identities update": 1,
      "real_services4 updateBatch": 1,
      "reply_rules4 updateBatch": 1,
      "service_index4 lookup": 1,
      "service_index4 update": 1,
      "service_records update": 1,
      "services exchange": 1,
    }
  `);
});

test("services with tables that come before packets do wait for programs once", () => {
  const hashed = services(9).map((one) => ({ ...one, scheduler: "sh" as const, tableSize: undefined }));
  const calls = callsOf(0, (live) =>
    live.together(() => {
      for (const { servers, ...definition } of hashed) live.addService(definition, servers);
    }),
  );
  expect(calls).toMatchObject({ "slots writeWords": 9, "service_tables updateInners": 1 });
  expect(calls).not.toHaveProperty("service_tables updateInner");
});

test("tending what is at rest asks nothing of the kernel", () => {
  expect(callsOf(50, (live) => live.tend(1000))).toEqual({});
});
