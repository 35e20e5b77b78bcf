// Balancers for many small tests. In the kernel a program is verified once for a shape, which takes longer than most
// tests, and each test finds everything as new; the interpreter makes each test a balancer of its own.

import type { BpfHost } from "@yardmaster/ebpf";
import { featureNames } from "../src/index.ts";
import { shapeOf } from "./compiled.ts";
import { Balancer } from "./harness.ts";
import type { BalancerPlan } from "./plan.ts";

/** Room for what tests ask for, and all features that change nothing by themselves: one program for most of them. */
const COMMON = {
  features: featureNames.filter((name) => !["wideServices", "fullUdpChecksums", "mssClamp"].includes(name)),
  schedulers: ["rr", "wlc", "fo"],
  methods: ["nat", "dr", "tun", "fullnat"],
  encapsulations: ["ipip", "gue", "gre"],
  maximumServices: 8,
  maximumDestinations: 16,
} as const;

/** A balancer for the length of one test. */
export interface Lease extends Disposable {
  readonly balancer: Balancer;
}

export class Stage implements Disposable {
  readonly #createHost: () => BpfHost;
  readonly #balancers = new Map<string, Balancer>();

  constructor(createHost: () => BpfHost) {
    this.#createHost = createHost;
  }

  /** A balancer as new for a plan. */
  lease(wanted: BalancerPlan): Lease {
    const plan = { ...wanted, shape: { ...COMMON, ...wanted.shape } };
    const host = this.#createHost();
    if (host.kind === "memory") {
      const balancer = new Balancer(host, plan);
      return { balancer, [Symbol.dispose]: () => balancer[Symbol.dispose]() };
    }
    const key = JSON.stringify(shapeOf(plan));
    const known = this.#balancers.get(key);
    if (known !== undefined) known.become(plan);
    const balancer = known ?? new Balancer(host, plan);
    this.#balancers.set(key, balancer);
    return { balancer, [Symbol.dispose]: () => undefined };
  }

  [Symbol.dispose](): void {
    for (const balancer of this.#balancers.values()) balancer[Symbol.dispose]();
  }
}
