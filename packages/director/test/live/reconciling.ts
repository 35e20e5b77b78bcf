// All services made others at once: what stays the same is not touched, what changes does so as if it had been changed
// one by one, and a failure leaves everything as it was.

import type { BpfProgram } from "@yardmaster/ebpf";
import { describe, expect, test } from "vitest";
import type { HostOf } from "../../src/kernel/dataplane.ts";
import type { VirtualService } from "../../src/model/virtual-service.ts";
import { service } from "../sample.ts";
import { LiveBench } from "./bench.ts";
import { fullShape, LiveGround } from "./ground.ts";
import { nat, server, WEB } from "./operations.ts";

const web = (servers = [server(1), server(2)], changes: Partial<VirtualService> = {}): VirtualService =>
  service({ forwarding: "dr", servers, ...changes });
const other = service({ name: "other", address: "198.51.100.11", servers: [nat(1)] });
const together = { arrival: "together" } as const;

/** Registers the tests. */
export function describeReconciling(create: () => HostOf<BpfProgram>): void {
  describe("reconciling", () => {
    test("comes to the same as one change after the other", () => {
      using atOnce = new LiveGround(create());
      using stepwise = new LiveGround(create());
      for (const { live } of [atOnce, stepwise]) {
        for (const { servers, ...definition } of [web(), other]) live.addService(definition, servers);
      }
      atOnce.live.reconcile([web([server(2, { weight: 5 }), server(3)], { scheduler: "wlc" })], together);
      const { servers: _, ...definition } = web([], { scheduler: "wlc" });
      stepwise.live.removeService("tcp 198.51.100.11:80");
      stepwise.live.addDestination(WEB, server(3), { place: "last" });
      stepwise.live.editDestination(WEB, server(2, { weight: 5 }));
      stepwise.live.removeDestination(WEB, "10.0.0.1:80");
      stepwise.live.editService(definition);
      expect(atOnce.picture()).toEqual(stepwise.picture());
    });

    test("services in which nothing changed are not written", () => {
      using ground = new LiveGround(create());
      ground.live.reconcile([web(), other], together);
      const before = ground.live.find(WEB);
      ground.live.reconcile([web(), { ...other, scheduler: "wlc" }], together);
      expect(ground.live.find(WEB)).toBe(before);
    });

    test("servers may change places; each keeps its connections", () => {
      using it = new LiveBench(create());
      it.live.reconcile([web()], together);
      expect([1, 2].map((port) => it.open({ port }))).toEqual(["10.0.0.1:80", "10.0.0.2:80"]);
      it.live.reconcile([web([server(2), server(3), server(1)])], together);
      expect([1, 2].map((port) => it.send({ port }, "A"))).toEqual(["10.0.0.1:80", "10.0.0.2:80"]);
      expect(it.counts()[`${WEB} 10.0.0.1:80`]).toEqual([1, 0]);
      expect(it.live.find(WEB)?.members.map(({ definition }) => definition.address)).toEqual([
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.1",
      ]);
    });

    test("a server that is quiesced keeps who waits for it; one that is found down does not", () => {
      using it = new LiveBench(create());
      it.live.reconcile([web()], together);
      expect([1, 3].map((port) => it.send({ port }))).toEqual(["10.0.0.1:80", "10.0.0.2:80"]);
      it.live.reconcile([web([server(1, { weight: 0 }), server(2)])], together);
      expect(it.send({ port: 1 })).toBe("10.0.0.1:80");
      it.live.reconcile([web([server(1, { weight: 0, isDown: true }), server(2)])], together);
      expect(it.send({ port: 1 })).toBe("10.0.0.2:80");
      it.live.reconcile([web()], together);
      expect(it.send({ port: 1 })).toBe("10.0.0.2:80");
    });

    test("what was removed by one comes back by another with what it had", () => {
      using it = new LiveBench(create());
      it.live.reconcile([web(), other], together);
      it.open({ port: 1 });
      it.live.reconcile([other], together);
      expect(it.send({ port: 1 }, "A")).toBe("dropped");
      it.live.reconcile([web(), other], together);
      expect(it.send({ port: 1 }, "A")).toBe("10.0.0.1:80");
    });

    test("all or none: where one cannot be, nothing changes", () => {
      using ground = new LiveGround(create());
      ground.live.reconcile([web()], together);
      const before = ground.picture();
      const tooMany = Array.from({ length: fullShape.maximumDestinations }, (_, at) =>
        service({ name: `s${at}`, port: 1000 + at, forwarding: "dr", servers: [server(at + 10)] }),
      );
      expect(() => ground.live.reconcile([other, ...tooMany], together)).toThrow(
        expect.objectContaining({ code: "YM_LIVE_NEEDS_PROGRAM" }),
      );
      expect(ground.picture()).toEqual(before);
      ground.live.reconcile([other], together);
      expect(ground.live.services()).toHaveLength(1);
    });
  });
}
