// A host of the simulated network: interfaces with real MAC addresses, static neighbours, IPv4 routing with TTL. What
// is for the host itself goes to its transports; a program in front of the stack (XDP) decides on every frame first.
import type { Layer } from "@yardmaster/packet";
import {
  ethernet,
  etherTypes,
  frame,
  internetChecksum,
  ipv4,
  ipv4ToNumber,
  parseIpv4,
  parseMac,
  updateChecksum,
} from "@yardmaster/packet";

import type { HostPlan } from "../layout.ts";
import { macKey } from "./mac-key.ts";
import { Port } from "./port.ts";
import { RouteTable } from "./route-table.ts";

const ETHERNET_LENGTH = 14;
const TTL_AT = ETHERNET_LENGTH + 8;
const CHECKSUM_AT = ETHERNET_LENGTH + 10;
const DESTINATION_AT = ETHERNET_LENGTH + 16;
/** `lo` has index 1 on every Linux host (net/core/net_namespace.c); the others follow. */
const FIRST_INDEX = 2;
const MTU = 1500;

/** An interface of a host. */
export interface Interface {
  readonly name: string;
  readonly index: number;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly port: Port;
  /** MAC addresses by IPv4 address as a number: static ARP. */
  readonly neighbours: Map<number, Uint8Array>;
}

/** Where a packet for an address goes, or why it goes nowhere. */
export type NextStep =
  | { readonly kind: "link"; readonly out: Interface; readonly mac: Uint8Array }
  | { readonly kind: "local" | "noRoute" | "noNeighbour" };

/** What a program in front of the stack did with a frame; "pass" hands it, changed or not, to the stack. */
export type Verdict =
  | { readonly kind: "drop" }
  | { readonly kind: "pass"; readonly frame: Uint8Array }
  | { readonly kind: "send"; readonly frame: Uint8Array; readonly interfaceIndex: number };

/** Sees every frame before the host does. */
export type FrameProgram = (frame: Uint8Array, ingress: Interface) => Verdict;

/** A TCP segment or UDP datagram for the host itself, with the addresses around it. */
export interface LocalPacket {
  readonly source: string;
  readonly destination: string;
  /** Header and contents. */
  readonly segment: Uint8Array;
}

/** A host of the simulated network. */
export class Host {
  readonly plan: HostPlan;
  readonly interfaces: readonly Interface[];
  readonly routes: RouteTable;
  readonly forwards: boolean;
  program: FrameProgram | undefined;
  /** Receivers of local packets by IP protocol number. */
  readonly transports = new Map<number, (packet: LocalPacket) => void>();
  readonly #local: ReadonlySet<number>;

  /** A host of the layout, with its interfaces' names and MAC addresses. */
  constructor(plan: HostPlan, interfaces: readonly { readonly name: string; readonly mac: string }[]) {
    this.plan = plan;
    this.routes = new RouteTable(plan);
    this.forwards = plan.settings["ipv4/ip_forward"] === "1";
    this.#local = new Set(plan.addresses.map(({ address }) => ipv4ToNumber(address.replace(/\/.*/, ""))));
    this.interfaces = interfaces.map(({ name, mac: macText }, at): Interface => {
      const index = at + FIRST_INDEX;
      const mac = parseMac(macText);
      const port = new Port((bytes) => this.#arrive(bytes, self));
      const self: Interface = { name, index, mac, mtu: MTU, port, neighbours: new Map() };
      return self;
    });
  }

  /** Where this host sends packets for an address (as a number). */
  nextStep(address: number): NextStep {
    if (this.#local.has(address)) return { kind: "local" };
    const way = this.routes.find(address);
    const out = this.interfaces.find(({ name }) => name === way?.interfaceName);
    if (way === undefined || out === undefined) return { kind: "noRoute" };
    const mac = out.neighbours.get(way.nextHop);
    return mac === undefined ? { kind: "noNeighbour" } : { kind: "link", out, mac };
  }

  /** Sends a packet of this host's own. Without a way it is lost, as on a real host without a route. */
  send(addresses: { readonly source: string; readonly destination: string }, ...inside: (Layer | Uint8Array)[]): void {
    const step = this.nextStep(ipv4ToNumber(addresses.destination));
    if (step.kind !== "link") return;
    const header = ethernet({ destination: step.mac, source: step.out.mac });
    step.out.port.send(frame(header, ipv4({ ...addresses, dontFragment: true }), ...inside));
  }

  #arrive(bytes: Uint8Array, ingress: Interface): void {
    const verdict = this.program?.(bytes, ingress) ?? { kind: "pass", frame: bytes };
    if (verdict.kind === "pass") this.#receive(verdict.frame, ingress);
    if (verdict.kind !== "send") return;
    const out = this.interfaces.find(({ index }) => index === verdict.interfaceIndex);
    out?.port.send(verdict.frame);
  }

  /** The stack: delivers, forwards, or ignores. */
  #receive(bytes: Uint8Array, ingress: Interface): void {
    const isOurs = macKey(bytes) === macKey(ingress.mac);
    if (!isOurs || bytes.length < DESTINATION_AT + 4 || etherType(bytes) !== etherTypes.ipv4) return;
    const step = this.nextStep(ipv4ToNumber(bytes.subarray(DESTINATION_AT, DESTINATION_AT + 4)));
    if (step.kind === "local") this.#deliver(bytes);
    else if (step.kind === "link" && this.forwards) forward(bytes, step);
  }

  #deliver(bytes: Uint8Array): void {
    const { source, destination, protocol, offset, headerLength, totalLength } = parseIpv4(bytes, ETHERNET_LENGTH);
    if (internetChecksum(bytes.subarray(offset, offset + headerLength)) !== 0) return;
    const segment = bytes.subarray(offset + headerLength, offset + totalLength);
    this.transports.get(protocol)?.({ source, destination, segment });
  }
}

function etherType(bytes: Uint8Array): number {
  return ((bytes[12] ?? 0) << 8) | (bytes[13] ?? 0);
}

/** A router's work: one hop less to live, the checksum to match (RFC 1624), the next link's addresses. */
function forward(bytes: Uint8Array, { out, mac }: NextStep & { readonly kind: "link" }): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(TTL_AT) <= 1) return;
  // The checksum counts words: time to live and protocol are one.
  const before = bytes.slice(TTL_AT, TTL_AT + 2);
  view.setUint8(TTL_AT, view.getUint8(TTL_AT) - 1);
  view.setUint16(CHECKSUM_AT, updateChecksum(view.getUint16(CHECKSUM_AT), before, bytes.subarray(TTL_AT, TTL_AT + 2)));
  bytes.set(mac, 0);
  bytes.set(out.mac, 6);
  out.port.send(bytes);
}
