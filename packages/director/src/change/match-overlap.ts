// Whether a packet could be of either of two services.

import { parsePrefix } from "@yardmaster/packet";
import type { Ports } from "../model/ports.ts";
import { type Protocol, protocols, type ServiceMatch } from "../model/virtual-service.ts";

interface Claim {
  readonly prefix: string;
  readonly ports: Ports;
  readonly protocols: readonly Protocol[];
}

/** Whether the packets of two services have any in common. */
export function isOverlapping(a: ServiceMatch, b: ServiceMatch): boolean {
  return claimsOf(a).some((one) => claimsOf(b).some((other) => isMeeting(one, other)));
}

function claimsOf(match: ServiceMatch): readonly Claim[] {
  switch (match.kind) {
    case "exact": {
      const { address, port, protocol } = match;
      return [{ prefix: address, ports: [{ first: port, last: port }], protocols: [protocol] }];
    }
    case "wide":
      return match.prefixes.map((prefix) => ({ prefix, ports: match.ports, protocols: [match.protocol] }));
    case "mark":
      return match.rules;
  }
}

function isMeeting(a: Claim, b: Claim): boolean {
  const isProtocol = protocols.some((protocol) => a.protocols.includes(protocol) && b.protocols.includes(protocol));
  return isProtocol && isPortMeeting(a.ports, b.ports) && isPrefixMeeting(a.prefix, b.prefix);
}

function isPortMeeting(a: Ports, b: Ports): boolean {
  if (a === "any" || b === "any") return true;
  return a.some((one) => b.some((other) => one.first <= other.last && other.first <= one.last));
}

function isPrefixMeeting(a: string, b: string): boolean {
  const [one, other] = [parsePrefix(a), parsePrefix(b)];
  if (one.address.length !== other.address.length) return false;
  const bits = Math.min(one.length, other.length);
  return [...one.address].every((byte, at) => {
    const mask = (0xff << (8 - Math.max(0, Math.min(8, bits - 8 * at)))) & 0xff;
    return (byte & mask) === ((other.address[at] ?? 0) & mask);
  });
}
