// Plays random traffic to a balancer on each host and to the reference, and compares after every step:
// verdict, frame, reasons, loads, traffic, the connection table, and the invariants between them.

import type { BpfHost } from "@yardmaster/ebpf";
import { buildPcapng, checksumProblems, describeFrame, diffFrames, parseFrame, seededRandom } from "@yardmaster/packet";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { ASSURED, hasFeature, stateName } from "../../src/index.ts";
import { Balancer } from "../harness.ts";
import { PROTOCOLS } from "../service-tables.ts";
import {
  type ConnectionView,
  endpointText,
  handshakesView,
  recount,
  recountControlled,
  recountHalfOpen,
  recountTemplates,
  type TemplateView,
} from "../views.ts";
import { hookOf } from "../tc-host.ts";
import { withoutChance } from "../reference/icmp-error.ts";
import { familyOf } from "../compiled.ts";
import { ReferenceBalancer, type ReferenceConnection } from "../reference/reference-balancer.ts";
import type { State } from "../reference/tcp-machine.ts";
import { randomPlan } from "./random-plan.ts";
import { randomStep, type Step } from "./random-step.ts";

/** The reference's short names of states. */
const SHORT: Readonly<Record<string, State>> = {
  NONE: "NONE",
  ESTABLISHED: "ES",
  SYN_SENT: "SS",
  SYN_RECV: "SR",
  FIN_WAIT: "FW",
  TIME_WAIT: "TW",
  CLOSE: "CL",
  CLOSE_WAIT: "CW",
  LAST_ACK: "LA",
  LISTEN: "LI",
  SYNACK: "SA",
  UDP: "UDP",
};
/** The kernel's test run takes 14 bytes at least and less than a page (net/bpf/test_run.c). */
const LEAST = 14;
const MOST = 3000;

/** What a run has met, to see that it met something. */
export interface Tally {
  forwarded: number;
  ended: number;
  readonly reasons: Set<string>;
  readonly states: Set<string>;
}

export function emptyTally(): Tally {
  return { forwarded: 0, ended: 0, reasons: new Set(), states: new Set() };
}

/** Plays `steps` random steps from `seed`; throws with the story at the first difference. */
export function playRandom(hosts: readonly BpfHost[], seed: number, steps: number, tally: Tally): void {
  const random = seededRandom(seed);
  const plan = randomPlan(random);
  const reference = new ReferenceBalancer(plan, hosts[0] && hookOf(hosts[0]));
  using balancers = new DisposableStack();
  const subjects = hosts.map((host) => balancers.use(new Balancer(host, plan)));
  const frames: Uint8Array[] = [];
  for (let count = 0; count < steps; count++) {
    const step = limited(randomStep(random, reference, frames));
    if (step.kind === "packet") frames.push(step.frame);
    try {
      perform(step, reference, subjects, tally);
      for (const subject of subjects) compareState(reference, subject);
    } catch (error) {
      const capture = saved(frames);
      const what = step.kind === "packet" ? describeFrame(step.frame) : JSON.stringify(step);
      const where = `seed ${seed}, step ${count}: ${(error as Error).message}`;
      throw new Error([where, what, capture, JSON.stringify(plan)].join("\n"), { cause: error });
    }
  }
  finish(reference, subjects);
  for (const reason of reference.reasons.keys()) tally.reasons.add(reason);
}

function limited(step: Step): Step {
  if (step.kind !== "packet" || step.frame.length < MOST) {
    const isLong = step.kind !== "packet" || step.frame.length >= LEAST;
    return isLong ? step : { kind: "packet", frame: new Uint8Array(LEAST) };
  }
  return { kind: "packet", frame: step.frame.slice(0, MOST) };
}

function perform(step: Step, reference: ReferenceBalancer, subjects: readonly Balancer[], tally: Tally): void {
  if (step.kind === "packet") {
    const fate = reference.send(step.frame);
    if (fate.verdict === "tx" || fate.verdict === "redirect") tally.forwarded += 1;
    for (const { state } of reference.connections) tally.states.add(state);
    for (const subject of subjects) {
      const got = subject.send(step.frame);
      const why = "reason" in fate ? ` (${fate.reason})` : "";
      if (got.verdict !== fate.verdict) {
        throw new Error(
          `${subject.host.kind}: ${got.verdict}, not ${fate.verdict}${why}; ${JSON.stringify(subject.verdicts())}`,
        );
      }
      if (fate.verdict === "drop") continue;
      const difference = diffFrames(withoutChance(fate.frame, step.frame), withoutChance(got.frame, step.frame));
      if (difference !== "") throw new Error(`${subject.host.kind}: ${difference}`);
      expect(newProblems(step.frame, got.frame)).toEqual([]);
    }
    return;
  }
  if (step.kind === "time") {
    reference.now += step.ticks;
    for (const subject of subjects) subject.advance(step.ticks);
  } else if (step.kind === "weights") {
    reference.setWeights(step.service, step.weights);
    for (const subject of subjects) subject.setWeights(step.service, step.weights);
  } else if (step.kind === "thresholds") {
    reference.setThresholds(step.destination, step.thresholds);
    for (const subject of subjects) subject.setThresholds(step.destination, step.thresholds);
  } else if (step.kind === "removal") {
    reference.setRemoved(step.destination, step.state);
    for (const subject of subjects) subject.setRemoved(step.destination, step.state);
  } else if (step.kind === "verdict") {
    const found = reference.destinations[step.destination];
    if (found !== undefined) found.isDown = step.state === "down";
    for (const subject of subjects) subject.setDown(step.destination, step.state);
  } else if (step.kind === "settings") {
    reference.settings = { ...reference.settings, ...step.settings };
    for (const subject of subjects) subject.set(step.settings);
  } else {
    const ended = [reference.reap(step.of), reference.reapTemplates(step.of)];
    tally.ended += ended[0] ?? 0;
    const options = step.of === "ofRemoved" ? ({ all: true, force: step.of } as const) : {};
    for (const subject of subjects) {
      expect([subject.reap(options), subject.reapTemplates(options)]).toEqual(ended);
    }
  }
}

/** What is wrong with a frame that was not wrong with the one that came in. */
function newProblems(before: Uint8Array, after: Uint8Array): readonly string[] {
  if (checksumProblems(before).length > 0) return [];
  // What filled a short frame up stays behind its packet when a tunnel makes it longer.
  const isPadded = parseFrame(before).trailer.length > 0;
  const problems = checksumProblems(after).map(({ message }) => message);
  return problems.filter((message) => !(isPadded && message.includes("follow the end of the packet")));
}

function compareState(reference: ReferenceBalancer, subject: Balancer): void {
  const { destinations, services } = reference;
  const loads = subject.loads();
  const connections = subject.connections();
  const kind = subject.host.kind;
  expect(loads, kind).toEqual(destinations.map(({ active, inactive, scheduled }) => ({ active, inactive, scheduled })));
  expect(subject.traffic(), kind).toEqual(destinations.map(({ traffic }) => traffic));
  expect(subject.verdicts(), kind).toEqual(Object.fromEntries(reference.reasons));
  expect(connections.map(plain), kind).toEqual(expectedConnections(reference).map(plain));
  const counts = loads.map(({ active, inactive }) => ({ active, inactive }));
  expect(counts, `${kind}: counts against a recount of the table`).toEqual(recount(connections, destinations.length));
  const ambiguous = reference.connections.filter(({ destination }) => destination.needsReplyEntry);
  expect(subject.replyEntries(), `${kind}: one reply entry where the server tells no service`).toBe(ambiguous.length);
  const locals = reference.connections.flatMap(({ local }) => (local === undefined ? [] : [endpointOf(local)])).sort();
  expect(
    subject
      .localFlows()
      .map(({ local }) => local)
      .sort(),
    `${kind}: local ends`,
  ).toEqual(locals);
  const isCrossed = ({ local, flow }: ReferenceConnection) =>
    local !== undefined && familyOf(flow.source) === "ipv6" && familyOf(local.address) === "ipv4";
  const ends = [...subject.map(subject.maps.crossedEnds).entries()];
  expect(ends.length, `${kind}: ends in a table of their own`).toBe(reference.connections.filter(isCrossed).length);
  expect(subject.untold(), `${kind}: untold`).toEqual(destinations.map(({ untold }) => untold));
  const handshakes = destinations.map((one) => one.handshakes);
  const none = { begun: 0, done: 0, refused: 0, repeated: 0 };
  const counted = hasFeature(subject.shape, "handshakes") ? handshakes : handshakes.map(() => none);
  expect(subject.records().map(handshakesView), `${kind}: handshakes`).toEqual(counted);
  if (hasFeature(subject.shape, "thresholds")) {
    const overloaded = destinations.map(({ isOverloaded }) => isOverloaded);
    expect(subject.overloaded(), `${kind}: overloaded`).toEqual(overloaded);
  }
  if (hasFeature(subject.shape, "caps")) {
    const halfOpen = subject.halfOpen();
    expect(halfOpen, `${kind}: half open`).toEqual(services.map((service) => reference.halfOpen(service)));
    expect(halfOpen).toEqual(recountHalfOpen(connections, subject.tables.serviceOf, services.length));
  }
  if (hasFeature(subject.shape, "persistence")) compareTemplates(reference, subject, connections);
}

function compareTemplates(
  reference: ReferenceBalancer,
  subject: Balancer,
  connections: readonly ConnectionView[],
): void {
  const { destinations } = reference;
  const kind = subject.host.kind;
  const templates = subject.templates();
  const expected = reference.allTemplates.map(
    ({ key, serial, destination, isAssured, expiresAt, period, controlled }): TemplateView => ({
      key,
      serial,
      destination: destination.index,
      state: isAssured ? ASSURED : 0,
      expiresAt: expiresAt % 2 ** 32,
      periodTicks: period,
      controlled,
    }),
  );
  expect(templates, `${kind}: templates`).toEqual(expected.sort((a, b) => a.serial - b.serial));
  const counts = subject.templateCounts();
  expect(counts, `${kind}: templates counted`).toEqual(destinations.map((destination) => destination.templates));
  expect(counts).toEqual(recountTemplates(templates, destinations.length));
  expect(templates.map(({ controlled }) => controlled)).toEqual(recountControlled(connections, templates));
}

const endpointOf = ({ address, port }: { address: string; port: number }) => endpointText(address, port);

type Comparable = Omit<ConnectionView, "state"> & { readonly state: State | number };

function plain({ state, ...rest }: Comparable): object {
  return { ...rest, state: typeof state === "number" ? SHORT[stateName(state)] : state };
}

function expectedConnections(reference: ReferenceBalancer): Comparable[] {
  const views = reference.connections.map(({ flow, destination, template, state, local, expiresAt }) => ({
    client: endpointText(flow.source, flow.sourcePort),
    service: endpointText(flow.destination, flow.destinationPort),
    protocol: PROTOCOLS[flow.protocol],
    server: endpointText(local?.address ?? destination.address, local?.port ?? destination.port),
    destination: destination.index,
    template: template?.serial ?? 0,
    expiresAt: expiresAt % 2 ** 32,
    state,
  }));
  const key = ({ client, service, protocol }: Comparable) => `${protocol} ${client} ${service}`;
  return views.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** When all has timed out and the reaper ran, nothing is left, in the tables or in the counts. */
function finish(reference: ReferenceBalancer, subjects: readonly Balancer[]): void {
  const far = 1000 * 250;
  reference.now += far;
  const ended = [reference.reap(), reference.reapTemplates()];
  for (const subject of subjects) {
    subject.advance(far);
    expect([subject.reap(), subject.reapTemplates()]).toEqual(ended);
    expect([...subject.connections(), ...subject.templates()]).toEqual([]);
    expect(subject.replyEntries()).toBe(0);
    expect(subject.localFlows()).toEqual([]);
    for (const { active, inactive } of subject.loads()) expect([active, inactive]).toEqual([0, 0]);
    for (const counts of [subject.templateCounts(), subject.halfOpen()])
      expect(counts.every((n) => n === 0)).toBe(true);
  }
}

function saved(frames: readonly Uint8Array[]): string {
  const path = join(mkdtempSync(join(tmpdir(), "yardmaster-random-")), "packets.pcapng");
  const packets = frames.map((bytes, index) => ({ interface: 0, timestampNs: BigInt(index) * 1_000_000n, bytes }));
  writeFileSync(path, buildPcapng({ interfaces: [{ name: "in" }], packets }));
  return `packets until then: ${path}`;
}
