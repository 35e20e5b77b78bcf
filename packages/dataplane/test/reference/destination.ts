// The reference's real servers, and how they count connections: active ones, inactive ones, and the flag that says
// whether thresholds allow more (behaviour reference §4 and §5).

import { addressWords } from "@yardmaster/packet";
import type { MethodName } from "../../src/index.ts";
import {
  type DestinationPlan,
  destinationHop,
  type HopPlan,
  lowerThresholdOf,
  type Thresholds,
  type TunnelPlan,
} from "../plan.ts";
import type { ReadFrame } from "./read-frame.ts";
import type { TwinServer } from "./schedule/server.ts";
import { type Direction, isActive, type State } from "./tcp-machine.ts";

/** What becomes of TCP handshakes with a server. */
export interface Handshakes {
  begun: number;
  done: number;
  refused: number;
  /** SYNs that came again meanwhile. */
  repeated: number;
}

export interface Destination extends TwinServer {
  readonly address: string;
  readonly method: MethodName;
  readonly protocol: "tcp" | "udp";
  readonly tunnel: TunnelPlan | undefined;
  /** Index of its service. */
  readonly service: number;
  readonly hop: Required<HopPlan>;
  /** Whether its replies need an entry of their own. */
  readonly needsReplyEntry: boolean;
  upper: number;
  lower: number;
  /** By its checks. */
  isDown: boolean;
  scheduled: number;
  readonly handshakes: Handshakes;
  /** Templates that lead to it. */
  templates: number;
  /** Full NAT: it is told of its clients; and connections of which it was not. */
  readonly tellsClient: boolean;
  untold: number;
  readonly traffic: { packetsIn: number; bytesIn: number; packetsOut: number; bytesOut: number };
}

/** The exclusive or of an address's words. */
export const fold = (address: string): number => addressWords(address).reduce((sum, word) => (sum ^ word) >>> 0, 0);

/** Whether a packet has a nat server's address and port as its source, and is not a TCP reset or on its last hop. */
export function isStray(destinations: readonly Destination[], read: ReadFrame): boolean {
  if ((read.protocol === "tcp" && (read.flags & 4) !== 0) || read.ttl <= 1) return false;
  return isOfServer(destinations, read);
}

/** Whether a packet has a nat server's address and port as its source. */
export function isOfServer(
  destinations: readonly Destination[],
  { source, sourcePort, protocol }: Pick<ReadFrame, "source" | "sourcePort" | "protocol">,
): boolean {
  return destinations.some((one) => {
    const isIts = one.address === source && one.port === sourcePort && one.protocol === protocol;
    return isIts && one.method === "nat";
  });
}

export function createDestination(
  plan: DestinationPlan,
  own: Pick<Destination, "index" | "service" | "port" | "protocol" | "needsReplyEntry">,
): Destination {
  const { address, method = "nat", tunnel, weight = 1, upperThreshold = 0 } = plan;
  const hop = destinationHop(plan, own.index);
  const thresholds = { upper: upperThreshold, lower: lowerThresholdOf(plan) };
  const traffic = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0 };
  return {
    ...own,
    ...thresholds,
    address,
    method,
    tunnel,
    fold: fold(address),
    weight,
    lastWeight: weight,
    // What a tunnel adds is missing from its MTU.
    hop,
    active: 0,
    inactive: 0,
    scheduled: 0,
    handshakes: { begun: 0, done: 0, refused: 0, repeated: 0 },
    templates: 0,
    tellsClient: plan.tellsClient === true,
    untold: 0,
    isOverloaded: false,
    isAvailable: true,
    isDown: false,
    traffic,
  };
}

const kind = (state: State) => (isActive(state) ? "active" : "inactive");
const total = ({ active, inactive }: Destination) => active + inactive;

/** A connection begins: the total rises to exactly the upper threshold, and the destination is overloaded. */
export function count(destination: Destination, state: State): void {
  destination[kind(state)] += 1;
  if (destination.upper !== 0 && total(destination) === destination.upper) destination.isOverloaded = true;
}

/** A connection ends: the total was at the lower threshold, and the destination is overloaded no longer. */
export function discount(destination: Destination, state: State): void {
  if (total(destination) === destination.lower) destination.isOverloaded = false;
  destination[kind(state)] -= 1;
}

/** A connection changes its state. */
export function recount(destination: Destination, before: State, after: State): void {
  destination[kind(before)] -= 1;
  destination[kind(after)] += 1;
}

/** Its thresholds are edited. */
export function setThresholds(destination: Destination, thresholds: Thresholds): void {
  const { upperThreshold: upper = 0 } = thresholds;
  const lower = lowerThresholdOf(thresholds);
  Object.assign(destination, { upper, lower });
  if (upper === 0 || total(destination) < lower) destination.isOverloaded = false;
  else if (total(destination) >= upper) destination.isOverloaded = true;
}

/** Whether only the client's packets are seen. */
export const directionOf = ({ method }: Destination): Direction =>
  method === "nat" || method === "fullnat" ? "in" : "in-only";
