// Balancers for many small tests. A program is loaded once for a shape, which takes longer than most tests, in the
// kernel and in the interpreter; each test finds everything as new.

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

/** Owns the balancers that it makes. */
export class Stage implements Disposable {
  readonly #createHost: () => BpfHost;
  readonly #balancers = new Map<string, Balancer>();

  constructor(createHost: () => BpfHost) {
    this.#createHost = createHost;
  }

  /** A balancer as new for a plan, until the next one is asked for. */
  balancerFor(wanted: BalancerPlan): Balancer {
    const plan = { ...wanted, shape: { ...COMMON, ...wanted.shape } };
    const key = JSON.stringify(shapeOf(plan));
    const known = this.#balancers.get(key);
    if (known !== undefined) known.become(plan);
    const balancer = known ?? new Balancer(this.#createHost(), plan);
    this.#balancers.set(key, balancer);
    return balancer;
  }

  [Symbol.dispose](): void {
    for (const balancer of this.#balancers.values()) balancer[Symbol.dispose]();
  }
}
