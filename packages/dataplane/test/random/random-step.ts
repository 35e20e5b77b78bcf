// Random traffic: what happens next to a balancer. Mostly what clients and servers do; at times what
// nobody should send. Looks at the reference to know which connections there are.

import {
  ethernet,
  frame,
  ipv4,
  mutateFrame,
  type Random,
  randomFrame,
  routerAlert,
  tcp,
  tcpFlagsToText,
  udp,
} from "@yardmaster/packet";
import { director, gatewayMac, TICKS_PER_SECOND } from "../plan.ts";
import type { ReferenceBalancer, ReferenceConnection } from "../reference/reference-balancer.ts";
import { clients, servers, vips } from "./random-plan.ts";

export type Step =
  | { readonly kind: "packet"; readonly frame: Uint8Array }
  | { readonly kind: "time"; readonly ticks: number }
  | { readonly kind: "reap" }
  | { readonly kind: "weights"; readonly service: number; readonly weights: readonly number[] };

const clientPorts = [40000, 40000, 40001] as const;
const usualFlags = ["S", "S", "S", "SA", "A", "A", "PA", "FA", "R", "RA", ""] as const;

interface Ends {
  readonly protocol: "tcp" | "udp";
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

function packet(random: Random, ends: Ends): Uint8Array {
  const { protocol, source, destination, sourcePort, destinationPort } = ends;
  const vlan = random.chance(0.15) ? [{ id: random.below(4095), priority: random.below(8) }] : [];
  const macs = ethernet({
    source: gatewayMac,
    destination: director.mac,
    vlan: random.chance(0.1) ? [...vlan, 9] : vlan,
  });
  const ttl = random.chance(0.05) ? random.below(3) : 2 + random.below(254);
  const options = random.chance(0.1) ? [routerAlert] : [];
  const dontFragment = random.chance(0.5);
  const ip = ipv4({ source, destination, ttl, options, identification: random.below(65536), dontFragment });
  const flags = random.chance(0.1) ? tcpFlagsToText(random.below(256)) : random.pick(usualFlags);
  const wrong = random.chance(0.1) ? { checksum: random.pick([0, 0xffff, random.below(65536)]) } : {};
  const ports = { sourcePort, destinationPort, ...wrong };
  const transport = protocol === "tcp" ? tcp({ ...ports, flags, sequence: random.u32() }) : udp(ports);
  const whole = frame(macs, ip, transport, random.bytes(random.below(40)));
  return random.chance(0.1) ? Uint8Array.of(...whole, ...random.bytes(random.below(20))) : whole;
}

function clientPacket(random: Random, reference: ReferenceBalancer): Uint8Array {
  const service = reference.services[random.below(reference.services.length)];
  const known = reference.connections[random.below(reference.connections.length)];
  if (known !== undefined && random.chance(0.5)) return packet(random, known.flow);
  // The port of a known connection again, for another service: their replies may be the same flow.
  const isAgain = random.chance(0.3);
  return packet(random, {
    protocol: service?.protocol ?? "tcp",
    source: (isAgain ? known?.flow.source : undefined) ?? random.pick(clients),
    sourcePort: (isAgain ? known?.flow.sourcePort : undefined) ?? random.pick(clientPorts),
    destination: service?.address ?? vips[0],
    destinationPort: service?.port ?? 80,
  });
}

function serverPacket(random: Random, { flow, destination }: ReferenceConnection): Uint8Array {
  return packet(random, {
    protocol: flow.protocol,
    source: destination.address,
    sourcePort: destination.port,
    destination: flow.source,
    destinationPort: flow.sourcePort,
  });
}

function strangePacket(random: Random): Uint8Array {
  const choices = {
    macs: [director.mac, director.mac, gatewayMac],
    ipv4: [...clients, ...vips, ...servers],
    ports: [80, 53, 8080, 5353, ...clientPorts],
  } as const;
  const whole = randomFrame(random, choices as never);
  return random.chance(0.5) ? mutateFrame(whole, random) : whole;
}

/** Time: moments, or up to the very tick at which some connection ends, or far beyond. */
function ticks(random: Random, { connections, now }: ReferenceBalancer): number {
  const some = connections[random.below(connections.length)];
  const untilEnd = some === undefined ? 1 : Math.max(0, some.expiresAt - now + random.below(3) - 1);
  return random.pick([
    random.below(5),
    random.below(2 * TICKS_PER_SECOND),
    TICKS_PER_SECOND - 1,
    TICKS_PER_SECOND,
    untilEnd,
    untilEnd,
    2_000_000,
  ]);
}

/** The next step. `earlier` are frames that were sent before. Frames are what the kernel's test run takes. */
export function randomStep(random: Random, reference: ReferenceBalancer, earlier: readonly Uint8Array[]): Step {
  const roll = random.below(100);
  const { connections } = reference;
  const some = connections[random.below(connections.length)];
  if (roll < 12) return { kind: "time", ticks: ticks(random, reference) };
  if (roll < 15) return { kind: "reap" };
  if (roll < 17) {
    const service = random.below(reference.services.length);
    const weights = (reference.services[service]?.destinations ?? []).map(() => random.below(5));
    return { kind: "weights", service, weights };
  }
  if (roll < 60) return { kind: "packet", frame: clientPacket(random, reference) };
  if (roll < 80 && some !== undefined) return { kind: "packet", frame: serverPacket(random, some) };
  const again = earlier[random.below(earlier.length)];
  if (roll < 90 && again !== undefined) {
    const bytes = random.chance(0.3) ? mutateFrame(again, random) : again;
    return { kind: "packet", frame: bytes };
  }
  return { kind: "packet", frame: strangePacket(random) };
}
