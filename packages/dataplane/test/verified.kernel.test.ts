// What the kernel's verifier has to walk through for a balancer with everything compiled in, and for the smallest one:
// it gives up after a million instructions (BPF_COMPLEXITY_LIMIT_INSNS, include/linux/bpf.h), and loading takes as long
// as it walks.

import type { BpfMap, ProgramSpec } from "@yardmaster/ebpf";
import { createKernelHost, type KernelProgram, withoutGlobalContexts } from "@yardmaster/ebpf/kernel";
import { describe, expect, test } from "vitest";
import {
  type BalancerShape,
  type EncapsulationName,
  encapsulations,
  featureNames,
  type MethodName,
  methods,
  schedulerNames,
} from "../src/index.ts";
import { compiled, specsOf } from "./compiled.ts";
import { describeKernel } from "./kernel-test.ts";

/** All that a shape can name. */
const everything: BalancerShape = {
  families: ["ipv4", "ipv6"],
  schedulers: schedulerNames,
  encapsulations: Object.keys(encapsulations) as EncapsulationName[],
  methods: Object.keys(methods) as MethodName[],
  features: featureNames,
  macs: [Uint8Array.of(2, 0, 0, 0, 0, 1), Uint8Array.of(2, 0, 0, 0, 0, 2)],
  maximumConnections: 1024,
  maximumServices: 8,
  maximumDestinations: 64,
  maximumMembers: 64,
  activeCost: 256,
  clock: "jiffies",
};
const smallest: BalancerShape = {
  ...everything,
  families: ["ipv4"],
  schedulers: ["rr"],
  methods: ["dr"],
  features: [],
  macs: everything.macs.slice(0, 1),
};

type SpecName = "balancerSpec" | "proberSpec";

function verifiedInstructions(
  shape: BalancerShape,
  change = (spec: ProgramSpec) => spec,
  name: SpecName = "balancerSpec",
): number {
  const { maps, [name]: spec } = compiled(shape);
  const host = createKernelHost();
  const live = new Map<string, BpfMap>(specsOf(maps).map((map) => [map.name, host.createMap(map)]));
  try {
    using program = host.loadProgram(change(spec), live) as KernelProgram;
    return program.info.verifiedInstructions;
  } finally {
    for (const map of live.values()) map.close();
  }
}

describeKernel("what the verifier walks through", () => {
  describe.each(["xdp", "tc"] as const)("at %s", (hook) => {
    test("everything compiled in stays far below the limit of a million instructions", () => {
      expect(verifiedInstructions({ ...everything, hook })).toBeLessThan(400_000);
    });

    test("so it does where the kernel has no types, and functions that take the packet are not global", () => {
      // Linux 6.1 walks through 809,984 at tc, today's through 573,000; stock kernels have types.
      expect(verifiedInstructions({ ...everything, hook }, withoutGlobalContexts)).toBeLessThan(900_000);
    });

    test("so does full NAT that tells servers of their clients", () => {
      const shape = { ...smallest, families: everything.families, methods: ["fullnat"], features: ["toa"] } as const;
      expect(verifiedInstructions({ ...shape, hook })).toBeLessThan(100_000);
    });

    test("the smallest balancer is a small part of that", () => {
      expect(verifiedInstructions({ ...smallest, hook })).toBeLessThan(30_000);
    });
  });

  test("the program that sends health checks is small, too, with and without types", () => {
    for (const change of [(spec: ProgramSpec) => spec, withoutGlobalContexts]) {
      expect(verifiedInstructions(everything, change, "proberSpec")).toBeLessThan(150_000);
    }
  });
});
