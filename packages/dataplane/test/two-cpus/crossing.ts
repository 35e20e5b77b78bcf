// Two CPUs at once, exhaustively: while one runs a program, another runs one of its own before the first
// CPU's next access to a map, for each access there is. Whatever meets there, the counts stay a recount.

import type { BpfProgram } from "@yardmaster/ebpf";
import { createMemoryHost, type HelperCall, type HelperTable } from "@yardmaster/ebpf/vm";
import { expect } from "vitest";
import { Balancer, type ReapOptions } from "../harness.ts";
import { assertCountsAreExact, assertNothingIsLeft } from "../life/exact.ts";
import { type BalancerPlan, TICKS_PER_SECOND } from "../plan.ts";

/** The reaper's run over a table: what looks expired, or all by force. */
export interface Reaping extends ReapOptions {
  readonly table: "connections" | "templates";
}
/** What one CPU does: a packet, or the reaper. */
export type Work = Uint8Array | Reaping;

export const reaping: Reaping = { table: "connections" };
export const reapingByForce: Reaping = { table: "connections", all: true, force: "all" };
export const reapingTemplates: Reaping = { table: "templates" };
export const reapingTemplatesByForce: Reaping = { table: "templates", all: true, force: "all" };

/** What is done before, on one CPU: a packet, seconds that pass, or a change. */
export type Preparation = Uint8Array | number | ((balancer: Balancer) => void);

export interface Meeting {
  readonly name: string;
  readonly plan: BalancerPlan;
  readonly before?: readonly Preparation[];
  readonly first: Work;
  readonly second: Work;
  /** Packets may also not be forwarded; default: they all are. */
  readonly mayFail?: true;
  /** Connections there are in the end; undefined: it depends on who was quicker. */
  readonly connections?: number;
  /** What else must hold then. */
  readonly after?: (balancer: Balancer) => void;
}

/** Stops the first CPU before its access number `at` and lets `action` run on the second. */
class Crossing {
  accesses = 0;
  at = -1;
  cpu = 0;
  action: () => void = () => {};

  readonly helpers: HelperTable = {
    1: (call) => this.#meet(() => lookUp(call)),
    2: (call) => this.#meet(() => update(call)),
    3: (call) => this.#meet(() => call.map(1).store.remove(call.bytes(2, call.map(1).spec.key.size))),
  };

  #meet<T>(access: () => T): T {
    if (this.cpu === 0 && this.accesses++ === this.at) {
      this.cpu = 1;
      this.action();
      this.cpu = 0;
    }
    return access();
  }
}

function lookUp(call: HelperCall): bigint {
  const map = call.map(1);
  return map.pointerAt(map.store.find(call.bytes(2, map.spec.key.size)), call.cpu);
}

function update(call: HelperCall): number {
  const { store, spec } = call.map(1);
  const value = new Uint8Array(call.bytes(3, spec.value.size));
  const slot = store.claim(call.bytes(2, spec.key.size), Number(call.argument(4)));
  if (slot < 0) return slot;
  store.values.bytes(slot, 0).set(value);
  return 0;
}

const FORWARDED = 3;

/** One CPU, with a program of its own. */
class Cpu implements Disposable {
  verdict = FORWARDED;
  readonly #program: BpfProgram;
  readonly #work: Work;

  constructor({ programs }: Balancer, work: Work) {
    this.#work = work;
    this.#program = work instanceof Uint8Array ? programs.balancer() : programs.reaper();
  }

  run(): void {
    if (this.#work instanceof Uint8Array) this.verdict = this.#program.run({ packet: this.#work }).verdict;
    else this.#program.run({ packet: new Uint8Array(64) });
  }

  [Symbol.dispose](): void {
    this.#program.close();
  }
}

/** A balancer whose programs meet. */
interface Stage {
  readonly crossing: Crossing;
  readonly balancer: Balancer;
  readonly first: Cpu;
  readonly second: Cpu;
}

/** One crossing; returns whether the first CPU got as far as access `at`. */
function cross(meeting: Meeting, { crossing, balancer, first, second }: Stage, at: number): boolean {
  balancer.reset();
  for (const step of meeting.before ?? []) {
    if (typeof step === "number") balancer.advance(step * TICKS_PER_SECOND);
    else if (typeof step === "function") step(balancer);
    else balancer.send(step);
  }
  for (const work of [meeting.first, meeting.second]) {
    if (!(work instanceof Uint8Array)) balancer.assignReaper(work);
  }
  let wasThere = false;
  crossing.accesses = 0;
  crossing.at = at;
  crossing.action = () => {
    wasThere = true;
    second.run();
  };
  first.run();
  crossing.at = -1;

  if (wasThere) {
    const isForwarded = [first, second].every(({ verdict }) => verdict === FORWARDED);
    if (meeting.mayFail === undefined) expect(isForwarded, "both are forwarded").toBe(true);
    expect(balancer.verdicts()).not.toHaveProperty("internal");
    assertConsistent(balancer);
    if (meeting.connections !== undefined) expect(balancer.connections().length).toBe(meeting.connections);
    meeting.after?.(balancer);
  }
  assertNothingIsLeft(balancer);
  expect(balancer.overloaded(), "overloaded without a connection").not.toContain(true);
  return wasThere;
}

function assertConsistent(balancer: Balancer): void {
  assertCountsAreExact(balancer);
  const connections = balancer.connections();
  const { services } = balancer.plan;
  const translates = services.some(({ destinations }) => destinations.some(({ method = "nat" }) => method === "nat"));
  expect(balancer.replyEntries()).toBe(services.length > 1 && translates ? connections.length : 0);
}

/** Plays a meeting at every access of the first CPU. */
export function crossEverywhere(meeting: Meeting): void {
  const crossing = new Crossing();
  const host = createMemoryHost({ helpers: crossing.helpers, currentCpu: () => crossing.cpu });
  using balancer = new Balancer(host, { maximumConnections: 64, ...meeting.plan });
  using first = new Cpu(balancer, meeting.first);
  using second = new Cpu(balancer, meeting.second);
  let at = 0;
  for (;;) {
    try {
      if (!cross(meeting, { crossing, balancer, first, second }, at)) break;
    } catch (error) {
      throw new Error(`before access ${at}: ${(error as Error).message}`, { cause: error });
    }
    at += 1;
  }
  expect(at).toBeGreaterThan(0);
}
