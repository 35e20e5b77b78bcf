// The whole data plane again in plain TypeScript, from the documents and not from the programs: what any
// balancer of this design must do to a sequence of packets. Slow, obvious, and the judge.

import type { ReasonName } from "../../src/index.ts";
import {
  type BalancerPlan,
  clientHop,
  destinationHop,
  director,
  type HopPlan,
  INGRESS,
  TICKS_PER_SECOND,
} from "../plan.ts";
import { type Picker, pickers, type Server } from "./pick.ts";
import { type ReadFrame, readFrame } from "./read-frame.ts";
import { icmpError } from "./icmp-error.ts";
import { aged, sent, translated } from "./rewrite.ts";
import { after, type Direction, isActive, SECONDS, type State } from "./tcp-machine.ts";

export type Fate =
  | { readonly verdict: "tx" | "redirect"; readonly frame: Uint8Array }
  | { readonly verdict: "pass"; readonly frame: Uint8Array; readonly reason: ReasonName }
  | { readonly verdict: "drop"; readonly reason: ReasonName };

interface Destination extends Server {
  readonly address: string;
  readonly port: number;
  readonly method: "nat" | "dr";
  readonly hop: Required<HopPlan>;
  scheduled: number;
  readonly traffic: { packetsIn: number; bytesIn: number; packetsOut: number; bytesOut: number };
}

interface Service {
  readonly address: string;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  readonly destinations: readonly Destination[];
  readonly picker: Picker;
}

interface Flow {
  readonly protocol: "tcp" | "udp";
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

export interface ReferenceConnection {
  /** As the client sends. */
  readonly flow: Flow;
  readonly destination: Destination;
  state: State;
  /** In ticks that never wrap. */
  expiresAt: number;
}

const key = ({ protocol, source, sourcePort, destination, destinationPort }: Flow) =>
  `${protocol} ${source}:${sourcePort} ${destination}:${destinationPort}`;

export class ReferenceBalancer {
  readonly plan: BalancerPlan;
  readonly services: readonly Service[];
  readonly destinations: readonly Destination[];
  readonly reasons = new Map<ReasonName, number>();
  readonly timeouts: Record<State, number>;
  now: number;
  readonly #connections = new Map<string, ReferenceConnection>();
  /** By the server's flow: translated connections again, where the server tells no service. */
  readonly #replies = new Map<string, ReferenceConnection>();
  /** The same where it does: these take no room in the table. */
  readonly #answers = new Map<string, ReferenceConnection>();

  constructor(plan: BalancerPlan) {
    this.plan = plan;
    this.now = plan.now ?? 1000;
    this.timeouts = { ...SECONDS };
    for (const state of Object.keys(SECONDS) as State[]) this.timeouts[state] *= TICKS_PER_SECOND;
    let count = 0;
    this.services = plan.services.map((service) => {
      const destinations = service.destinations.map((destination) => {
        const index = count++;
        return createDestination(destination, service.port, index);
      });
      const { address, port, protocol = "tcp", scheduler = "rr" } = service;
      return { address, port, protocol, destinations, picker: pickers[scheduler](destinations) };
    });
    this.destinations = this.services.flatMap(({ destinations }) => destinations);
  }

  get connections(): readonly ReferenceConnection[] {
    return [...this.#connections.values()];
  }

  setWeights(serviceIndex: number, weights: readonly number[]): void {
    const service = this.services[serviceIndex] as Service;
    service.destinations.forEach((destination, index) => {
      destination.weight = weights[index] ?? 0;
    });
    service.picker.changed();
  }

  /** Ends what has expired. */
  reap(): number {
    const expired = this.connections.filter((connection) => this.#isExpired(connection));
    for (const connection of expired) this.#end(connection);
    return expired.length;
  }

  send(frame: Uint8Array): Fate {
    const fate = this.#fateOf(frame);
    if (fate.verdict === "pass" || fate.verdict === "drop") {
      this.reasons.set(fate.reason, (this.reasons.get(fate.reason) ?? 0) + 1);
    }
    return fate;
  }

  #fateOf(frame: Uint8Array): Fate {
    const read = readFrame(frame, this.plan.macs ?? [director.mac]);
    if (typeof read === "string") return { verdict: "pass", frame, reason: read };
    const replying = this.#replies.get(key(read));
    if (replying !== undefined) return this.#reply(frame, read, replying);
    const known = this.#connections.get(key(read));
    const answered = this.#answers.get(key(read));
    if (known !== undefined && !this.#isExpired(known)) {
      this.#see(known, known.destination.method === "dr" ? "in-only" : "in", read.flags);
      return this.#request(frame, read, known);
    }
    if (answered !== undefined) return this.#reply(frame, read, answered);
    const opened = this.#open(read);
    if (typeof opened !== "string") return this.#request(frame, read, opened);
    const isRefusal = opened === "tableFull" || opened === "replyFlowTaken";
    return isRefusal ? { verdict: "drop", reason: opened } : { verdict: "pass", frame, reason: opened };
  }

  #request(frame: Uint8Array, read: ReadFrame, { destination }: ReferenceConnection): Fate {
    destination.traffic.packetsIn += 1;
    destination.traffic.bytesIn += read.totalLength;
    const error = errorFor(frame, read, destination.hop);
    if (error !== undefined) return { verdict: this.plan.sendBack ?? "tx", frame: error };
    if (destination.method === "dr") return forward(this.plan, frame, read, destination.hop, "directExceedsMtu");
    const changed = translated(frame, read, "destination", destination.address, destination.port);
    return forward(this.plan, changed, read, destination.hop, "exceedsMtu");
  }

  #reply(frame: Uint8Array, read: ReadFrame, connection: ReferenceConnection): Fate {
    if (this.#isExpired(connection)) return { verdict: "pass", frame, reason: "replyWithoutConnection" };
    this.#see(connection, "out", read.flags);
    const { traffic } = connection.destination;
    traffic.packetsOut += 1;
    traffic.bytesOut += read.totalLength;
    const { flow } = connection;
    const changed = translated(frame, read, "source", flow.destination, flow.destinationPort);
    return forward(this.plan, changed, read, clientHop(this.plan), "exceedsMtu");
  }

  #open(read: ReadFrame): ReferenceConnection | ReasonName {
    const service = this.services.find(
      ({ address, port, protocol }) =>
        address === read.destination && port === read.destinationPort && protocol === read.protocol,
    );
    if (service === undefined) return "noService";
    const opens = read.protocol === "udp" || ((read.flags & 2) !== 0 && (read.flags & 4) === 0);
    if (!opens) return "notOpening";
    const opening = { client: read.source, clientPort: read.sourcePort, destination: read.destination, now: this.now };
    const destination = service.picker.pick(opening) as Destination | undefined;
    if (destination === undefined) return "noDestination";
    return this.#insert(read, destination);
  }

  #insert(read: ReadFrame, destination: Destination): ReferenceConnection | ReasonName {
    const { protocol, source, sourcePort } = read;
    const flow: Flow = {
      protocol,
      source,
      sourcePort,
      destination: read.destination,
      destinationPort: read.destinationPort,
    };
    const direction = destination.method === "dr" ? "in-only" : "in";
    const state = protocol === "udp" ? "UDP" : after("NONE", direction, read.flags);
    const connection = { flow, destination, state, expiresAt: this.now + this.timeouts[state] };
    const before = this.#connections.get(key(flow));
    if (before !== undefined) this.#end(before);
    if (!this.#hasRoom()) return "tableFull";
    const answer = key(replyFlow(connection));
    if (this.needsReplyEntry(destination)) {
      const other = this.#replies.get(answer);
      if (other !== undefined && this.#isExpired(other)) this.#end(other);
      else if (other !== undefined || this.#connections.has(answer)) return "replyFlowTaken";
      if (!this.#hasRoom(2)) return "tableFull";
      this.#replies.set(answer, connection);
    }
    if (destination.method === "nat" && !this.needsReplyEntry(destination)) this.#answers.set(answer, connection);
    this.#connections.set(key(flow), connection);
    destination[isActive(state) ? "active" : "inactive"] += 1;
    destination.scheduled += 1;
    return connection;
  }

  /** Whether a translated reply does not tell its service: several use the server's address and port. */
  needsReplyEntry(destination: Destination): boolean {
    const { method, address, port } = destination;
    const protocolOf = (of: Destination) =>
      this.services.find(({ destinations }) => destinations.includes(of))?.protocol;
    const like = this.destinations.filter(
      (other) => other.method === "nat" && other.address === address && other.port === port,
    );
    return method === "nat" && like.filter((other) => protocolOf(other) === protocolOf(destination)).length > 1;
  }

  #hasRoom(entries = 1): boolean {
    return this.#connections.size + this.#replies.size + entries <= (this.plan.maximumConnections ?? 4096);
  }

  /** A timer is set anew when the state changes, or once it would move by a second or more. */
  #see(connection: ReferenceConnection, direction: Direction, flags: number): void {
    const next = after(connection.state, direction, flags);
    const expiresAt = this.now + this.timeouts[next];
    const moved = expiresAt - connection.expiresAt;
    if (next === connection.state && moved >= 0 && moved < TICKS_PER_SECOND) return;
    const { destination } = connection;
    destination[isActive(connection.state) ? "active" : "inactive"] -= 1;
    destination[isActive(next) ? "active" : "inactive"] += 1;
    connection.state = next;
    connection.expiresAt = expiresAt;
  }

  #isExpired({ expiresAt }: ReferenceConnection): boolean {
    return expiresAt <= this.now;
  }

  #end(connection: ReferenceConnection): void {
    connection.destination[isActive(connection.state) ? "active" : "inactive"] -= 1;
    this.#connections.delete(key(connection.flow));
    const answer = key(replyFlow(connection));
    for (const leads of [this.#replies, this.#answers]) if (leads.get(answer) === connection) leads.delete(answer);
  }
}

function createDestination(
  plan: BalancerPlan["services"][number]["destinations"][number],
  port: number,
  index: number,
): Destination {
  return {
    index,
    address: plan.address,
    port: plan.port ?? port,
    method: plan.method ?? "nat",
    weight: plan.weight ?? 1,
    hop: destinationHop(plan, index),
    active: 0,
    inactive: 0,
    scheduled: 0,
    traffic: { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0 },
  };
}

function replyFlow({ flow, destination }: ReferenceConnection): Flow {
  return {
    protocol: flow.protocol,
    source: destination.address,
    sourcePort: destination.port,
    destination: flow.source,
    destinationPort: flow.sourcePort,
  };
}

/** What the client is told where the packet is not forwarded: no hops left, or too large and not to be divided. */
function errorFor(frame: Uint8Array, read: ReadFrame, hop: Required<HopPlan>): Uint8Array | undefined {
  const link = frame.subarray(0, read.ipAt);
  const datagram = frame.subarray(read.ipAt, read.endsAt);
  if (read.ttl <= 1) return icmpError(link, datagram, "timeExceeded");
  if (read.totalLength <= hop.mtu || !read.isWhole) return undefined;
  return icmpError(link, aged(frame, read), "tooBig", hop.mtu);
}

/** Layer 3 and below; `frame` is translated already. A packet too large for a translating way goes to the stack. */
function forward(
  plan: BalancerPlan,
  frame: Uint8Array,
  read: ReadFrame,
  hop: Required<HopPlan>,
  tooLarge: "exceedsMtu" | "directExceedsMtu",
): Fate {
  if (read.totalLength > hop.mtu) {
    return tooLarge === "exceedsMtu"
      ? { verdict: "pass", frame, reason: tooLarge }
      : { verdict: "drop", reason: tooLarge };
  }
  if (read.ttl <= 1) return { verdict: "drop", reason: "timeToLiveExceeded" };
  if (read.tags.length > 1) return { verdict: "drop", reason: "vlanMismatch" };
  const isBack = hop.ifindex === INGRESS && plan.sendBack !== "redirect";
  return { verdict: isBack ? "tx" : "redirect", frame: sent(frame, read, hop) };
}
