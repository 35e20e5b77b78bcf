// Stories of connections as data: who sends what, what becomes of it, and what the tables say then. After every step
// all counts equal a recount of the tables, and in the end, when all has timed out, there is nothing left.

import { describe, expect, test } from "vitest";
import { ASSURED, type ReasonName, stateName } from "../../src/index.ts";
import type { Balancer } from "../harness.ts";
import { arriving, fromServer } from "../packets/scenario.ts";
import { type Wire, wires } from "../packets/wire.ts";
import { type BalancerPlan, type SettingsPlan, type Thresholds, TICKS_PER_SECOND } from "../plan.ts";
import type { Handshakes } from "../reference/destination.ts";
import type { Reaped } from "../reference/templates.ts";
import type { Stage } from "../stage.ts";
import { handshakesView } from "../views.ts";
import { assertCountsAreExact, assertNothingIsLeft } from "./exact.ts";

/** A client and its port, `a1` … `c9`: the letter is the client, the digit a port of it. */
export type Sender = `${"a" | "b" | "c"}${number}`;

/** Where a packet goes: index of its destination. Or the reason why not; or "answered" by the director itself. */
export type Way = number | ReasonName | "answered";

/** What packets are addressed to; default: the VIP, and port 80 by TCP, 53 by UDP. */
export interface To {
  readonly address?: string;
  readonly port?: number;
  readonly protocol?: "tcp" | "udp";
}

export interface TemplateSight {
  readonly to: number;
  /** Until its time is up. */
  readonly seconds: number;
  readonly controlled: number;
  readonly isAssured?: true;
  readonly isRetired?: true;
}

export interface Sight {
  /** State of a sender's connection and the seconds that it has, `ESTABLISHED 900`; or "none". */
  readonly states?: Readonly<Record<string, string>>;
  /** Of each destination: active and inactive. */
  readonly counts?: readonly (readonly [active: number, inactive: number])[];
  readonly scheduled?: readonly number[];
  readonly overloaded?: readonly boolean[];
  /** In the order in which they were made. */
  readonly templates?: readonly TemplateSight[];
  readonly halfOpen?: readonly number[];
  /** Of each destination. */
  readonly handshakes?: readonly Partial<Handshakes>[];
}

export type Step =
  | { readonly kind: "send"; readonly from: Sender; readonly flags: string; readonly goes: Way; readonly to: To }
  /** The server of the sender's last packet answers; "back" to the client. */
  | {
      readonly kind: "answer";
      readonly of: Sender;
      readonly flags: string;
      readonly comes: "back" | ReasonName;
      readonly to: To;
    }
  | { readonly kind: "wait"; readonly seconds: number }
  | { readonly kind: "reap"; readonly ended: readonly [connections: number, templates: number]; readonly of?: Reaped }
  | { readonly kind: "set"; readonly settings: SettingsPlan }
  | { readonly kind: "weights"; readonly weights: readonly number[] }
  | { readonly kind: "thresholds"; readonly destination: number; readonly thresholds: Thresholds }
  | { readonly kind: "removal"; readonly destination: number; readonly state: "removed" | "listed" }
  | { readonly kind: "verdict"; readonly destination: number; readonly state: "down" | "up" }
  | { readonly kind: "see"; readonly sight: Sight };

export interface Story {
  readonly name: string;
  readonly plan: BalancerPlan;
  readonly steps: readonly Step[];
}

export const tcp = (from: Sender, flags: string, goes: Way, to: To = {}): Step => ({
  kind: "send",
  from,
  flags,
  goes,
  to,
});
export const udp = (from: Sender, goes: Way, to: To = {}): Step => tcp(from, "", goes, { protocol: "udp", ...to });
export const reply = (of: Sender, flags: string, comes: "back" | ReasonName = "back", to: To = {}): Step => ({
  kind: "answer",
  of,
  flags,
  comes,
  to,
});
export const wait = (seconds: number): Step => ({ kind: "wait", seconds });
export const reap = (connections: number, templates = 0): Step => ({ kind: "reap", ended: [connections, templates] });
export const set = (settings: SettingsPlan): Step => ({ kind: "set", settings });
export const weigh = (...weights: readonly number[]): Step => ({ kind: "weights", weights });
export const edit = (destination: number, thresholds: Thresholds): Step => ({
  kind: "thresholds",
  destination,
  thresholds,
});
export const remove = (destination: number): Step => ({ kind: "removal", destination, state: "removed" });
export const restore = (destination: number): Step => ({ kind: "removal", destination, state: "listed" });
/** Checks find a server down: it has weight 0, too. */
export const down = (destination: number): Step => ({ kind: "verdict", destination, state: "down" });
export const up = (destination: number): Step => ({ kind: "verdict", destination, state: "up" });
export const see = (sight: Sight): Step => ({ kind: "see", sight });

/** Registers the stories of both families. */
export function describeStories(stage: Stage, stories: (wire: Wire) => readonly Story[]): void {
  describe.each(wires)("over $family", (wire) => {
    test.each(stories(wire))("$name", ({ plan, steps }) => {
      const balancer = stage.balancerFor({ clients: wire.clients, ...plan });
      const teller = new Teller(balancer, wire);
      steps.forEach((step, index) => {
        try {
          teller.tell(step);
          assertCountsAreExact(balancer);
        } catch (error) {
          throw new Error(`step ${index + 1}, ${JSON.stringify(step)}: ${(error as Error).message}`, { cause: error });
        }
      });
      assertNothingIsLeft(balancer);
    });
  });
}

class Teller {
  readonly #balancer: Balancer;
  readonly #wire: Wire;
  /** Where each sender's last packet went. */
  readonly #servers = new Map<string, number>();

  constructor(balancer: Balancer, wire: Wire) {
    this.#balancer = balancer;
    this.#wire = wire;
  }

  tell(step: Step): void {
    const balancer = this.#balancer;
    if (step.kind === "send") this.#send(step);
    else if (step.kind === "answer") this.#answer(step);
    else if (step.kind === "wait") balancer.advance(step.seconds * TICKS_PER_SECOND);
    else if (step.kind === "reap") this.#reap(step);
    else if (step.kind === "set") balancer.set(step.settings);
    else if (step.kind === "weights") balancer.setWeights(0, step.weights);
    else if (step.kind === "thresholds") balancer.setThresholds(step.destination, step.thresholds);
    else if (step.kind === "verdict") balancer.setDown(step.destination, step.state);
    else if (step.kind === "removal") balancer.setRemoved(step.destination, step.state);
    else this.#see(step.sight);
  }

  #reap({ ended, of }: Extract<Step, { kind: "reap" }>): void {
    const options = of === "ofRemoved" ? ({ all: true, force: of } as const) : {};
    expect([this.#balancer.reap(options), this.#balancer.reapTemplates(options)]).toEqual(ended);
  }

  #send({ from, flags, goes, to }: Extract<Step, { kind: "send" }>): void {
    const { address = this.#wire.vip, protocol = "tcp", port = protocol === "tcp" ? 80 : 53 } = to;
    const [client, sourcePort] = this.#endOf(from);
    const ip = { source: client, destination: address };
    const ports = { sourcePort, destinationPort: port };
    const { tcpFrame, udpFrame } = this.#wire;
    const frame = protocol === "udp" ? udpFrame(arriving, ip, ports) : tcpFrame(arriving, ip, { ...ports, flags });
    const before = this.#balancer.traffic();
    const { verdict } = this.#observe(frame, typeof goes === "string" && goes !== "answered" ? goes : undefined);
    const reached = this.#balancer.traffic().findIndex(({ packetsIn }, at) => packetsIn !== before[at]?.packetsIn);
    expect(reached, "destination").toBe(typeof goes === "number" ? goes : -1);
    expect(verdict === "tx").toBe(typeof goes === "number" || goes === "answered");
    if (reached >= 0) this.#servers.set(from, reached);
  }

  #answer({ of, flags, comes, to }: Extract<Step, { kind: "answer" }>): void {
    const { protocol = "tcp", port } = to;
    const [client, clientPort] = this.#endOf(of);
    const { services } = this.#balancer.plan;
    const all = services.flatMap((service) => service.destinations.map((destination) => ({ service, destination })));
    const server = all[this.#servers.get(of) ?? -1];
    if (server === undefined) throw new Error(`${of} has no server`);
    const ip = { source: server.destination.address, destination: client };
    const sourcePort = port ?? server.destination.port ?? server.service.port;
    const ports = { sourcePort, destinationPort: clientPort };
    const { tcpFrame, udpFrame } = this.#wire;
    const frame = protocol === "udp" ? udpFrame(fromServer, ip, ports) : tcpFrame(fromServer, ip, { ...ports, flags });
    const { verdict, frame: out } = this.#observe(frame, comes === "back" ? undefined : comes);
    expect(verdict).toBe(comes === "back" ? "tx" : "pass");
    if (comes !== "back") expect(out).toEqual(frame);
  }

  /** Sends, and sees that exactly `reason` is counted. */
  #observe(frame: Uint8Array, reason: ReasonName | undefined) {
    const before = this.#balancer.verdicts();
    const sent = this.#balancer.send(frame);
    const expected = reason === undefined ? before : { ...before, [reason]: (before[reason] ?? 0) + 1 };
    expect(this.#balancer.verdicts()).toEqual(expected);
    return sent;
  }

  #see({ states, counts, scheduled, overloaded, templates, halfOpen, handshakes }: Sight): void {
    const balancer = this.#balancer;
    const loads = balancer.loads();
    if (counts !== undefined) expect(loads.map(({ active, inactive }) => [active, inactive])).toEqual(counts);
    if (scheduled !== undefined) expect(loads.map((load) => load.scheduled)).toEqual(scheduled);
    if (overloaded !== undefined) expect(balancer.overloaded()).toEqual(overloaded);
    if (halfOpen !== undefined) expect(balancer.halfOpen()).toEqual(halfOpen);
    if (handshakes !== undefined) {
      const none: Handshakes = { begun: 0, done: 0, refused: 0, repeated: 0 };
      expect(balancer.records().map(handshakesView)).toEqual(handshakes.map((some) => ({ ...none, ...some })));
    }
    const left = ({ expiresAt }: { readonly expiresAt: number }) => ((expiresAt - balancer.now) | 0) / TICKS_PER_SECOND;
    for (const [from, expected] of Object.entries(states ?? {})) {
      const [address, port] = this.#endOf(from as Sender);
      const text = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
      const found = balancer.connections().filter(({ client }) => client === text);
      expect(found.map((one) => `${stateName(one.state)} ${left(one)}`).join(", ") || "none", from).toBe(expected);
    }
    if (templates === undefined) return;
    const seen = balancer.templates().map(
      (template): TemplateSight => ({
        to: template.destination,
        seconds: left(template),
        controlled: template.controlled,
        ...(template.state === ASSURED && { isAssured: true }),
        ...(template.key.startsWith("retired") && { isRetired: true }),
      }),
    );
    expect(seen).toEqual(templates);
  }

  #endOf(sender: Sender): [address: string, port: number] {
    const { clients } = this.#wire;
    return [clients["abc".indexOf(sender[0] as string)] ?? "", 40_000 + Number(sender.slice(1))];
  }
}
