// Servers that leave and servers that come, with packets: those that leave keep their connections and get no new ones.

import type { BpfProgram } from "@yardmaster/ebpf";
import { describe, expect, test } from "vitest";
import { Overlay } from "../../src/change/overlay.ts";
import { type Leaving, Transitions } from "../../src/change/transitions.ts";
import type { HostOf } from "../../src/kernel/dataplane.ts";
import type { VirtualService } from "../../src/model/virtual-service.ts";
import { connectionsOf } from "../../src/status/snapshot.ts";
import { LiveBench } from "../live/bench.ts";
import { nat, server, WEB } from "../live/operations.ts";
import { service } from "../sample.ts";

const web = (servers: VirtualService["servers"], changes: Partial<VirtualService> = {}) =>
  service({ forwarding: "dr", servers, ...changes });

/** A data plane under an overlay, as a director has it; its clock and the overlay's go together. */
class Course implements Disposable {
  readonly bench: LiveBench;
  readonly overlay = new Overlay();
  readonly transitions: Transitions;
  readonly said: string[] = [];
  #services: readonly VirtualService[] = [];
  #nowMs = 0;

  constructor(host: HostOf<BpfProgram>) {
    this.bench = new LiveBench(host);
    this.transitions = new Transitions({
      overlay: this.overlay,
      connectionsOf: (...server) => connectionsOf(this.bench.dataplane, ...server),
      now: () => this.#nowMs,
      report: (line) => this.said.push(line),
    });
  }

  apply(...services: readonly VirtualService[]): void {
    this.transitions.begin(this.#services, services);
    this.#services = services;
    this.refresh();
  }

  resume(left: readonly Leaving[], ...services: readonly VirtualService[]): void {
    this.transitions.resume(left, services);
    this.#services = services;
    this.refresh();
  }

  refresh(): void {
    const services = this.overlay.effective(this.transitions.withLeaving(this.#services));
    this.bench.live.reconcile(services, { arrival: "together" });
  }

  wait(seconds: number): void {
    this.#nowMs += seconds * 1000;
    this.bench.wait(seconds);
    this.bench.round();
    this.transitions.tend();
    this.refresh();
  }

  /** The list of a service: addresses and weights. */
  list(identity = WEB): readonly string[] | undefined {
    const members = this.bench.live.find(identity)?.members;
    return members?.map(({ definition: { address, weight } }) => `${address}*${weight}`);
  }

  [Symbol.dispose](): void {
    this.bench[Symbol.dispose]();
  }
}

/** Registers the tests. */
export function describeLeaving(create: () => HostOf<BpfProgram>): void {
  /** With these services and connections from ports 1, 2 … on. */
  const course = (services: readonly VirtualService[], connections = 0): Course => {
    const it = new Course(create());
    it.apply(...services);
    for (let port = 1; port <= connections; port++) it.bench.open({ port });
    return it;
  };

  describe("a server that is removed", () => {
    test("keeps its connections and gets no new ones, until it has none", () => {
      using it = course([web([server(1), server(2)])], 2);
      it.apply(web([server(1)]));
      expect(it.list()).toEqual(["10.0.0.1*1", "10.0.0.2*0"]);
      expect([1, 2].map((port) => it.bench.send({ port }, "A"))).toEqual(["10.0.0.1:80", "10.0.0.2:80"]);
      expect([3, 4].map((port) => it.bench.open({ port }))).toEqual(["10.0.0.1:80", "10.0.0.1:80"]);
      it.wait(1);
      expect(it.list()).toHaveLength(2);
      it.bench.send({ port: 2 }, "R");
      it.wait(60);
      expect(it.list()).toEqual(["10.0.0.1*1"]);
      expect(it.said).toEqual(["server 10.0.0.2:80 of web is removed: it has no connections"]);
    });

    test("goes when its time is up, with its connections", () => {
      using it = course([web([server(1), server(2)], { drainMs: 30_000 })], 2);
      it.apply(web([server(1)], { drainMs: 30_000 }));
      it.wait(29);
      expect(it.bench.send({ port: 2 }, "A")).toBe("10.0.0.2:80");
      it.wait(1);
      expect(it.bench.send({ port: 2 }, "A")).toBe("dropped");
      expect(it.said[0]).toMatch(/its time to drain is up: 1 connection is cut/);
    });

    test("goes when its own time is up, before its service's", () => {
      const own = [server(1), server(2, { drainMs: 10_000 }), server(3, { drainMs: 0 })];
      using it = course([web(own, { drainMs: 30_000 })], 3);
      it.apply(web([server(1)], { drainMs: 30_000 }));
      expect(it.bench.send({ port: 3 }, "A")).toBe("dropped");
      it.wait(9);
      expect(it.bench.send({ port: 2 }, "A")).toBe("10.0.0.2:80");
      it.wait(1);
      expect(it.bench.send({ port: 2 }, "A")).toBe("dropped");
    });

    test("is cut at once where drain is off", () => {
      using it = course([web([server(1), server(2)])], 2);
      it.apply(web([server(1)], { drainMs: 0 }));
      expect(it.list()).toEqual(["10.0.0.1*1"]);
      expect(it.bench.send({ port: 2 }, "A")).toBe("dropped");
    });

    test("comes back as it was", () => {
      using it = course([web([server(1), server(2)])], 2);
      it.apply(web([server(1)]));
      it.apply(web([server(1), server(2)]));
      expect(it.list()).toEqual(["10.0.0.1*1", "10.0.0.2*1"]);
      expect(it.transitions.leaving()).toEqual([]);
    });

    test("goes on leaving under the next director, for the time that is left", () => {
      using it = course([web([server(1), server(2)])], 2);
      it.apply(web([server(1)]));
      it.wait(100);
      const left = JSON.parse(JSON.stringify(it.transitions.leaving())) as Leaving[];
      expect(left.map(({ leftMs }) => leftMs)).toEqual([200_000]);
      using next = new Course(create());
      next.resume(left, web([server(1)]));
      expect(next.list()).toEqual(["10.0.0.1*1", "10.0.0.2*0"]);
      expect(next.transitions.leaving()).toMatchObject(left);
    });
  });

  describe("a service that is removed", () => {
    const other = service({ name: "other", address: "198.51.100.11", servers: [nat(9)] });

    test("keeps its connections and takes no new ones", () => {
      using it = course([web([server(1)]), other], 1);
      it.apply(other);
      expect(it.bench.send({ port: 1 }, "A")).toBe("10.0.0.1:80");
      expect(it.bench.send({ port: 2 })).not.toBe("10.0.0.1:80");
      it.bench.send({ port: 1 }, "R");
      it.wait(60);
      expect(it.list()).toBeUndefined();
      expect(it.said).toEqual(["service web is removed: it has no connections"]);
    });

    test("is not in the way of one that takes its packets", () => {
      using it = course([web([server(1)])], 1);
      const match = { kind: "wide", prefixes: ["198.51.100.0/24"], ports: "any", protocol: "tcp" } as const;
      it.apply(service({ name: "all", match, forwarding: "dr", servers: [server(3)] }));
      expect(it.bench.open({ port: 2 })).toBe("10.0.0.3:80");
    });

    test("is again what it was when it comes back; servers that do not come back drain", () => {
      using it = course([web([server(1), server(2)]), other], 2);
      it.apply(other);
      it.apply(other, web([server(2)]));
      expect(it.list()).toEqual(["10.0.0.2*1", "10.0.0.1*0"]);
      expect([1, 2].map((port) => it.bench.send({ port }, "A"))).toEqual(["10.0.0.1:80", "10.0.0.2:80"]);
    });
  });

  describe("a server that comes", () => {
    const slow = (...servers: VirtualService["servers"]) => web(servers, { scheduler: "wrr", slowStartMs: 10_000 });
    const full = server(1, { weight: 50 });

    test("comes to its weight in steps", () => {
      using it = course([slow(full)]);
      it.apply(slow(full, server(2, { weight: 50 })));
      const weights = [it.list()?.[1]];
      for (const seconds of [2, 3, 4, 1]) {
        it.wait(seconds);
        weights.push(it.list()?.[1]);
      }
      expect(weights).toEqual([5, 10, 25, 45, 50].map((weight) => `10.0.0.2*${weight}`));
    });

    test("does so also when it was quiesced, and not when it was there or all are new", () => {
      using it = course([slow(full, server(2, { weight: 0 }))]);
      expect(it.list()).toEqual(["10.0.0.1*50", "10.0.0.2*0"]);
      it.apply(slow({ ...full, weight: 60 }, server(2, { weight: 50 })));
      expect(it.list()).toEqual(["10.0.0.1*60", "10.0.0.2*5"]);
    });

    test("heeds a weight that changes meanwhile; without slow start it has it at once", () => {
      using it = course([slow(full)]);
      it.apply(slow(full, server(2, { weight: 50 })));
      it.apply(slow(full, server(2, { weight: 100 })));
      expect(it.list()?.[1]).toBe("10.0.0.2*10");
      it.apply(web([full, server(2, { weight: 100 })], { scheduler: "wrr" }));
      expect(it.list()?.[1]).toBe("10.0.0.2*100");
    });
  });

  test("a change that comes to nothing leaves nothing behind", () => {
    using it = course([web([server(1), server(2)]), service({ name: "other", port: 81, servers: [nat(9)] })]);
    const undo = it.transitions.begin(it.bench.live.services().map(toService), [web([server(1), server(3)])]);
    undo();
    it.refresh();
    expect(it.list()).toEqual(["10.0.0.1*1", "10.0.0.2*1"]);
    expect(it.transitions.leaving()).toEqual([]);
  });
}

function toService({ definition, members }: ReturnType<LiveBench["live"]["services"]>[number]): VirtualService {
  return { ...definition, servers: members.map((member) => member.definition) };
}
