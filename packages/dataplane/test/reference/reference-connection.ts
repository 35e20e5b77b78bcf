// What the reference balancer knows of services and connections, and of the packets that open these.

import { familyOf } from "../compiled.ts";
import type { FamilyName, ReasonName } from "../../src/index.ts";
import {
  answersForOne,
  type BalancerPlan,
  type EndpointPlan,
  endpointsOf,
  type ServicePlan,
  type SettingsPlan,
} from "../plan.ts";
import { Admission } from "./admission.ts";
import { createDestination, type Destination } from "./destination.ts";
import type { Flow } from "./flows.ts";
import type { LocalEnd } from "./local-ports.ts";
import { type Picker, picker } from "./pick.ts";
import { after, type Direction, isHalfOpen, type State } from "./tcp-machine.ts";
import type { Template } from "./templates.ts";

export interface Service {
  readonly plan: ServicePlan;
  readonly index: number;
  readonly endpoints: readonly Required<EndpointPlan>[];
  /** In the order of the plan, removed ones too. */
  readonly destinations: readonly Destination[];
  /** In list order. */
  list: readonly Destination[];
  readonly picker: Picker;
  readonly admission: Admission;
}

export interface ReferenceConnection {
  /** As the client sends. */
  readonly flow: Flow;
  readonly destination: Destination;
  readonly template: Template | undefined;
  state: State;
  /** Of full NAT: a packet told the server of the client; the server has sent data or its end. */
  isTold: boolean;
  hasSpoken: boolean;
  /** Of full NAT: where its server answers to. */
  readonly local: LocalEnd | undefined;
  /** In ticks that never wrap. */
  expiresAt: number;
}

/** A packet that may open a connection; or an ICMP error about one that answers it. */
export type OpeningPacket = Flow & { readonly flags: number | "by error" };
/** How long a connection lives that no packet of its own has opened. */
export const UNSEEN_SECONDS = 3;

export function opensTcp(flags: number, sloppyTcp: boolean | undefined): boolean {
  return (flags & 4) === 0 && ((flags & 2) !== 0 || sloppyTcp === true);
}

/** The state that a connection begins in. */
export function firstState(
  { protocol, flags }: OpeningPacket,
  direction: Direction,
  rules: SettingsPlan["rules"],
): State {
  if (protocol === "udp") return "UDP";
  return flags === "by error" ? "NONE" : after("NONE", direction, flags, rules);
}

/** Where a new connection leads, and from where. */
export type Opened = Pick<ReferenceConnection, "destination" | "local" | "hasSpoken">;

/** The services of a plan, as they are at first. */
export function createServices(plan: BalancerPlan): readonly Service[] {
  let created = 0;
  return plan.services.map((service, index) => {
    const destinations = service.destinations.map((destination) => {
      const { method = "nat", port = service.port } = destination;
      const needsReplyEntry = method === "nat" && !answersForOne(plan, service, destination);
      return createDestination(destination, {
        ...{ index: created++, service: index, port, needsReplyEntry },
        protocol: service.protocol ?? "tcp",
      });
    });
    return {
      plan: service,
      index,
      endpoints: endpointsOf(service),
      destinations,
      list: destinations,
      picker: picker(service.scheduler ?? "rr", destinations),
      admission: new Admission(),
    };
  });
}

/** What becomes of a packet that finds a connection. */
export type Visit = "goes on" | "superseded" | "reset" | "destinationRemoved";

/** Reasons of opening none for which a packet is left to the stack. */
export const PASSING: readonly ReasonName[] = ["noService", "notOpening", "sourcePort20", "noDestination"];

/** How many entries of these tables are of a family. */
export function entriesOf(
  family: FamilyName,
  ...tables: readonly ReadonlyMap<string, Pick<ReferenceConnection, "flow">>[]
): number {
  const flows = tables.flatMap((table) => [...table.values()].map(({ flow }) => flow));
  return flows.filter(({ source }) => familyOf(source) === family).length;
}

/** How many of a service's connections are half open, those whose time is up included. */
export function halfOpenOf(service: number, connections: readonly ReferenceConnection[]): number {
  return connections.filter(({ destination, state }) => destination.service === service && isHalfOpen(state)).length;
}

/** A connection's state changes: what that says of its handshake. */
export function countHandshake(
  { handshakes }: Destination,
  [before, next]: readonly [State, State],
  isReset: boolean,
): void {
  if (isHalfOpen(next) && !isHalfOpen(before)) handshakes.begun += 1;
  if (isHalfOpen(before) && next === "ES") handshakes.done += 1;
  if (isHalfOpen(before) && isReset) handshakes.refused += 1;
}
