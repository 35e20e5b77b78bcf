// Several CPUs at once for real: threads send random packets through one program in the kernel while the reaper runs,
// time passes and people change services. When they pause, all counts equal a recount; in the end all are zero.

import { Worker } from "node:worker_threads";
import type { KernelProgram } from "@yardmaster/ebpf/kernel";
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { type Random, seededRandom } from "@yardmaster/packet";
import { expect, test } from "vitest";
import { destinationFlags } from "../src/index.ts";
import { Balancer } from "./harness.ts";
import { describeKernel } from "./kernel-test.ts";
import { assertCountsAreExact, assertNothingIsLeft } from "./life/exact.ts";
import { traffics } from "./parallel/traffic.ts";
import type { WorkerStart } from "./parallel/worker.ts";
import { TICKS_PER_SECOND } from "./plan.ts";

const WORKERS = 3;
const ROUNDS = 6;
/** At the least in each round: a slow machine's daemon is no rarer than its packets. */
const DISTURBANCES = 10;
const SEED = Number(process.env["YARDMASTER_FIRST_SEED"] ?? 1);

/** A thread, and what it last came to. */
class Cpu {
  isRunning = false;
  readonly verdicts = [0, 0, 0, 0, 0];
  readonly #worker: Worker;

  constructor(start: WorkerStart) {
    this.#worker = new Worker(new URL("./parallel/worker.ts", import.meta.url), { workerData: start });
    this.#worker.on("message", (verdicts: readonly number[]) => {
      for (const [verdict, count] of verdicts.entries()) this.verdicts[verdict] = (this.verdicts[verdict] ?? 0) + count;
      this.isRunning = false;
    });
    this.#worker.on("error", (error) => {
      throw error;
    });
  }

  send(packets: number): void {
    this.isRunning = true;
    this.#worker.postMessage(packets);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** What happens besides packets: the daemon's work, and people's. Returns how many entries ended. */
function disturb(balancer: Balancer, random: Random): number {
  const kind = random.below(10);
  const destination = random.below(balancer.tables.serviceOf.length);
  if (kind < 3) balancer.advance(random.below(2 * TICKS_PER_SECOND));
  else if (kind === 3) balancer.advance(60 * TICKS_PER_SECOND);
  else if (kind === 4) balancer.setRemoved(destination, random.pick(["removed", "listed"]));
  else if (kind < 8) flicker(balancer, destination);
  else if (kind === 8)
    balancer.setWeights(random.below(balancer.plan.services.length), [random.below(3), random.below(3)]);
  return balancer.reap() + balancer.reapTemplates();
}

/** Clients of a destination have to leave it, and may come back, again and again: only its flag changes. */
function flicker(balancer: Balancer, destination: number): void {
  const destinations = balancer.map(balancer.maps.destinations);
  const record = destinations.lookup(destination);
  if (record === undefined) return;
  for (let time = 0; time < FLICKERS; time++) {
    destinations.update(destination, { ...record, flags: record.flags ^ destinationFlags.removed });
    destinations.update(destination, record);
  }
}
const FLICKERS = 30;

/** Nothing went below zero: an unsigned count would be huge. */
function assertCountsArePlausible(balancer: Balancer): void {
  const counts = balancer.loads().flatMap(({ active, inactive }) => [active, inactive]);
  for (const count of [...counts, ...balancer.templateCounts(), ...balancer.halfOpen()])
    expect(count).toBeLessThan(1000);
}

describeKernel("several CPUs at once", () => {
  test.each(traffics)("$name: counts equal a recount whenever they pause, and are zero in the end", async (traffic) => {
    using balancer = new Balancer(createKernelHost(), traffic.plan);
    traffic.prepare?.(balancer);
    using program = balancer.programs.balancer() as KernelProgram;
    const random = seededRandom(SEED);
    const { frames, repeat, packets } = traffic;
    const cpus = Array.from({ length: WORKERS }, (_, index) => {
      return new Cpu({ program: program.fd.value, frames, repeat, seed: SEED * 1000 + index });
    });
    let ended = 0;
    try {
      for (let round = 0; round < ROUNDS; round++) {
        for (const cpu of cpus) cpu.send(packets);
        let disturbances = 0;
        while (disturbances++ < DISTURBANCES || cpus.some(({ isRunning }) => isRunning)) {
          ended += disturb(balancer, random);
          assertCountsArePlausible(balancer);
          await new Promise(setImmediate);
        }
        assertCountsAreExact(balancer);
      }
    } finally {
      for (const cpu of cpus) await cpu.stop();
    }
    assertNothingIsLeft(balancer);
    expect(balancer.overloaded()).not.toContain(true);
    expect(balancer.verdicts()).not.toHaveProperty("internal");
    const forwarded = cpus.reduce((sum, { verdicts }) => sum + (verdicts[3] ?? 0), 0);
    expect(forwarded).toBeGreaterThan(ROUNDS * packets * 0.1);
    expect(ended).toBeGreaterThan(ROUNDS);
  });
});
