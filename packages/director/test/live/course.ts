// Live data planes in the course of time: what packets meet while services change, and what is left of what was
// removed.

import { NO_DESTINATION, reaperTables } from "@yardmaster/dataplane";
import type { BpfProgram } from "@yardmaster/ebpf";
import { describe, expect, test } from "vitest";
import type { HostOf } from "../../src/kernel/dataplane.ts";
import { VIP } from "../sample.ts";
import { LiveBench } from "./bench.ts";
import { add, change, edit, nat, type Operation, other, put, remove, server, take, WEB, web } from "./operations.ts";

const OTHER_VIP = "198.51.100.11";
const OTHER = `tcp ${OTHER_VIP}:80`;

/** Registers the tests. */
export function describeCourse(create: () => HostOf<BpfProgram>): void {
  /** With these services, and connections from ports 1, 2 … on to VIP. */
  const bench = (operations: readonly Operation[], connections = 0, settings = {}): LiveBench => {
    const made = new LiveBench(create(), settings);
    for (const operation of operations) operation(made.live);
    for (let port = 1; port <= connections; port++) made.open({ port });
    return made;
  };

  describe("a removed server", () => {
    test("keeps its connections: they wait in silence, and go on when it is back", () => {
      using it = bench([web()], 2);
      take("10.0.0.2:80")(it.live);
      expect([it.send({ port: 1 }, "A"), it.send({ port: 2 }, "A")]).toEqual(["10.0.0.1:80", "dropped"]);
      expect(it.counts()).toEqual({ [`${WEB} 10.0.0.1:80`]: [1, 0], [`${WEB} 10.0.0.2:80`]: [1, 0] });
      expect([3, 4].map((port) => it.open({ port }))).toEqual(["10.0.0.1:80", "10.0.0.1:80"]);
      put(server(2))(it.live);
      expect(it.send({ port: 2 }, "A")).toBe("10.0.0.2:80");
      expect([it.counts(), it.removed()]).toEqual([
        { [`${WEB} 10.0.0.1:80`]: [3, 0], [`${WEB} 10.0.0.2:80`]: [1, 0] },
        0,
      ]);
    });

    test("does so when its service was removed and added again", () => {
      using it = bench([web(), other], 2);
      remove()(it.live);
      expect([it.send({ port: 2 }, "A"), it.send({ port: 3 })]).toEqual(["dropped", "left"]);
      add({ forwarding: "dr", servers: [server(2), server(1)] })(it.live);
      expect([1, 2].map((port) => it.send({ port }, "A"))).toEqual(["10.0.0.1:80", "10.0.0.2:80"]);
      expect(it.counts()[`${WEB} 10.0.0.2:80`]).toEqual([1, 0]);
    });

    test("is forgotten when nothing has referred to it for two minutes, and its place is clean again", () => {
      using it = bench([web()], 2);
      const index = it.live.find(WEB)?.members[1]?.index ?? NO_DESTINATION;
      take("10.0.0.2:80")(it.live);
      const after = (seconds: number) => {
        it.wait(seconds);
        it.round();
        return it.removed();
      };
      // An established connection lives 15 minutes.
      expect([after(899), after(1), after(119), after(1)]).toEqual([1, 1, 1, 0]);
      expect(it.live.ownerOf(index)).toBeUndefined();
      put(server(7))(it.live);
      expect(it.live.find(WEB)?.members[0]?.index).toBe(index);
      const { loads, paths } = it.dataplane.maps;
      expect(loads.lookup(index)).toMatchObject({ connections: 0n, scheduled: 0n, overloaded: 0, templates: 0 });
      expect(paths.lookupPerCpu(index)?.map(({ packetsIn, hop }) => [packetsIn, hop.ifindex])).toEqual(
        paths.lookupPerCpu(index)?.map(() => [0n, 0]),
      );
    });

    test("is not forgotten meanwhile if it comes back and goes again", () => {
      using it = bench([web()]);
      take("10.0.0.2:80")(it.live);
      it.round();
      it.wait(119);
      put(server(2))(it.live);
      take("10.0.0.2:80")(it.live);
      it.wait(2);
      it.round();
      expect(it.removed()).toBe(1);
    });

    test("and with the last of them their service: another one has its place", () => {
      using it = bench([web(), remove()]);
      it.round();
      it.wait(120);
      it.round();
      expect(it.removed()).toBe(0);
      other(it.live);
      expect(it.live.find(OTHER)?.index).toBe(0);
      expect(it.live.recordOf(0)?.memberCount).toBe(1);
    });
  });

  describe("where connections of removed servers are to be rescheduled", () => {
    const settings = { onRemoval: "reschedule" } as const;

    test("the next walk ends them, and their templates", () => {
      using it = bench([web({ persistence: { timeoutMs: 300_000, maskBits: 0 } })], 3, settings);
      expect(new Set(it.connections().values())).toEqual(new Set(["10.0.0.1:80"]));
      take("10.0.0.1:80")(it.live);
      it.round();
      expect(it.connections().size).toBe(0);
      expect([...it.dataplane.maps.ipv4.templates.entries()]).toEqual([]);
      expect(it.counts()[`${WEB} 10.0.0.1:80`]).toEqual([0, 0]);
      expect(it.open({ port: 1 })).toBe("10.0.0.2:80");
    });

    test("not those of one that came back before it", () => {
      using it = bench([web()], 2, settings);
      take("10.0.0.2:80")(it.live);
      put(server(2))(it.live);
      it.round();
      expect(it.connections().size).toBe(2);
    });

    test("nor a connection that has meanwhile been opened in the place of an old one", () => {
      using it = bench([web()], 2, settings);
      take("10.0.0.2:80")(it.live);
      const { reaperWork, ipv4 } = it.dataplane.maps;
      const run = it.dataplane.reaper.run.bind(it.dataplane.reaper);
      it.dataplane.reaper.run = (input) => {
        if (reaperWork.lookup(0)?.table === reaperTables.connections) it.open({ port: 2 });
        return run(input);
      };
      it.round();
      expect([...it.connections()]).toEqual(
        expect.arrayContaining([[`${VIP}:2`, "10.0.0.1:80"]] as [string, string][]),
      );
      expect([...ipv4.connections.entries()]).toHaveLength(2);
    });
  });

  describe("thresholds that are changed", () => {
    test.each<[string, number, 0 | 1, Parameters<typeof server>[1], 0 | 1]>([
      ["an upper one that is reached", 5, 0, { upperThreshold: 5 }, 1],
      ["one that is not", 4, 0, { upperThreshold: 5 }, 0],
      ["none any more", 5, 1, { upperThreshold: 0 }, 0],
      ["connections below the lower one", 3, 1, { upperThreshold: 9, lowerThreshold: 4 }, 0],
      ["between the two it stays on", 4, 1, { upperThreshold: 9, lowerThreshold: 4 }, 1],
      ["or off", 4, 0, { upperThreshold: 9, lowerThreshold: 4 }, 0],
      ["three quarters is the lower one by itself", 5, 1, { upperThreshold: 8 }, 0],
      ["where nothing changes it stays", 7, 0, { upperThreshold: 6, weight: 3 }, 0],
    ])("%s", (_, connections, flag, thresholds, expected) => {
      using it = bench([web({ servers: [server(1, { upperThreshold: 6 })] })]);
      const { loads } = it.dataplane.maps;
      const load = loads.lookup(0);
      if (load === undefined) throw new Error("there is no load");
      loads.update(0, { ...load, connections: (1n << 32n) | BigInt(connections - 1), overloaded: flag });
      change(server(1, thresholds))(it.live);
      expect(loads.lookup(0)).toMatchObject({
        overloaded: expected,
        connections: load.connections + (1n << 32n) + BigInt(connections - 1),
      });
    });

    test("of one that comes back are looked at, too", () => {
      using it = bench([web({ servers: [server(1)] })], 2);
      take("10.0.0.1:80")(it.live);
      put(server(1, { upperThreshold: 2 }))(it.live);
      expect(it.open({ port: 3 })).toBe("left");
    });
  });

  describe("what is remembered of addresses", () => {
    const localities = (it: LiveBench) =>
      [...it.dataplane.maps.localities.entries()].map(([, { destination }]) => destination);

    test("keeps a removed server known", () => {
      using it = bench([web({ scheduler: "lblc" })], 1);
      expect(localities(it)).toEqual([0]);
      take("10.0.0.1:80")(it.live);
      for (const seconds of [0, 900, 120, 120]) {
        it.wait(seconds);
        it.round();
      }
      expect(it.removed()).toBe(1);
      put(server(1))(it.live);
      expect(it.open({ port: 2 })).toBe("10.0.0.1:80");
    });

    test.each<[string, Operation]>([
      ["another scheduler", edit({ scheduler: "lblcr" })],
      ["the service removed", remove()],
    ])("goes with its service's scheduler: %s", (_, operation) => {
      using it = bench([web({ scheduler: "lblc" })], 1);
      operation(it.live);
      expect(localities(it)).toEqual([]);
    });

    test("stays with the same scheduler", () => {
      using it = bench([web({ scheduler: "lblc" })], 1);
      edit({ scheduler: "lblc", persistence: { timeoutMs: 1000, maskBits: 32 } })(it.live);
      expect(localities(it)).toEqual([0]);
    });

    test("goes when nobody has written there for long, with its set", () => {
      const localityMs = { lblc: 10_000, lblcr: 10_000 };
      using it = bench([web({ scheduler: "lblcr" })], 1, { localityMs });
      expect(localities(it)).toEqual([NO_DESTINATION]);
      it.round();
      // Every half hour there is a look at all of them.
      for (let minute = 0; minute < 29; minute++) {
        it.wait(60);
        it.round();
      }
      expect(localities(it)).toEqual([NO_DESTINATION]);
      it.wait(60);
      it.round();
      expect([localities(it), [...it.dataplane.maps.localityMembers.entries()]]).toEqual([[], []]);
    });
  });

  describe("templates", () => {
    const persistence = { timeoutMs: 10_000, maskBits: 32 };
    const templates = (it: LiveBench) => [...it.dataplane.maps.ipv4.templates.entries()].length;

    test("end when their time is up, or when the last connection under them has", () => {
      using it = bench([web({ persistence })], 1);
      const after = (seconds: number) => {
        it.wait(seconds);
        it.round();
        return templates(it);
      };
      // Given a minute when its time is up, and another one.
      expect([after(9), after(1), after(60)]).toEqual([1, 1, 1]);
      it.send({ port: 1 }, "R");
      expect([after(10), it.connections().size, after(49), after(1)]).toEqual([1, 0, 1, 0]);
    });
  });

  describe("replies", () => {
    const toOther = (port: number) => ({ port, to: OTHER_VIP });

    test("find their way while a server's port goes from one service to two and back", () => {
      using it = bench([web({ servers: [nat(1)] })], 1);
      const entries = () => [...it.dataplane.maps.ipv4.replyRules.entries()].length;
      other(it.live);
      expect([it.open(toOther(2)), it.open({ port: 3 }), it.open(toOther(1))]).toEqual([
        ...["10.0.0.1:80", "10.0.0.1:80"],
        "dropped",
      ]);
      expect([1, 2, 3].map((port) => it.answer(port, "10.0.0.1:80"))).toEqual([VIP, OTHER_VIP, VIP]);
      it.round();
      it.round();
      expect(entries()).toBe(1);
      it.send({ port: 1 }, "R");
      it.wait(11);
      it.round();
      it.round();
      expect(entries()).toBe(0);
      remove(OTHER)(it.live);
      expect([2, 3].map((port) => it.answer(port, "10.0.0.1:80"))).toEqual([OTHER_VIP, VIP]);
      for (const seconds of [900, 120]) {
        it.wait(seconds);
        it.round();
      }
      expect(entries()).toBe(1);
      expect([it.open({ port: 1 }), it.answer(1, "10.0.0.1:80")]).toEqual(["10.0.0.1:80", VIP]);
    });
  });

  test("other settings are told, time and removals kept", () => {
    using it = bench([web(), take("10.0.0.1:80")]);
    const { settings } = it.dataplane.maps;
    const before = settings.lookup(0);
    it.live.setSettings({ ...it.live.settings, sloppyTcp: true, reuseMode: 3 });
    expect(settings.lookup(0)).toEqual({ ...before, sloppyTcp: 1, reuseMode: 3 });
    expect(it.removed()).toBe(1);
    expect(it.send({ port: 1 }, "A")).toBe("10.0.0.2:80");
  });
}
