// Every way a packet can leave the road, by name. The code indexes the per-CPU `verdicts` map; the
// text is what status shows. A packet that is forwarded is counted at its destination instead.

import type { Reason } from "@yardmaster/ebpf";

/** What becomes of the packet, and why, for people. */
export interface ReasonText {
  readonly verdict: "pass" | "drop";
  readonly text: string;
}

const texts = {
  truncated: { verdict: "pass", text: "shorter than its headers say" },
  notForThisHost: { verdict: "pass", text: "addressed to another machine's MAC, or to many" },
  otherProtocol: { verdict: "pass", text: "of no address family that a service has" },
  tooManyTags: { verdict: "pass", text: "more than two VLAN tags" },
  malformedIp: { verdict: "pass", text: "IP header malformed" },
  badIpChecksum: { verdict: "pass", text: "IPv4 header checksum wrong" },
  fragment: { verdict: "pass", text: "fragment of an IP datagram" },
  notTcpOrUdp: { verdict: "pass", text: "neither TCP nor UDP" },
  malformedIcmp: { verdict: "pass", text: "ICMP message cut off, or quoting no whole header" },
  icmpWithoutConnection: { verdict: "pass", text: "ICMP error about no connection" },
  malformedTransport: { verdict: "pass", text: "TCP or UDP header malformed" },
  noService: { verdict: "pass", text: "for no virtual service" },
  notOpening: { verdict: "pass", text: "TCP without connection and not a SYN" },
  sourcePort20: { verdict: "pass", text: "from port 20, which compatibility with IPVS leaves to the stack" },
  noDestination: { verdict: "pass", text: "no destination available" },
  replyWithoutConnection: { verdict: "pass", text: "reply whose connection is gone" },
  exceedsMtu: { verdict: "pass", text: "larger than the MTU towards its destination" },
  neighbourUnresolved: { verdict: "pass", text: "the kernel is resolving the next hop" },
  timeToLiveExceeded: { verdict: "drop", text: "a reply's time to live used up" },
  noRoute: { verdict: "drop", text: "no route to the destination" },
  forwardingDisabled: { verdict: "drop", text: "IP forwarding is off on the interface" },
  directNeighbourUnresolved: { verdict: "drop", text: "the next hop of a dr destination is unresolved" },
  directExceedsMtu: { verdict: "drop", text: "larger than the MTU towards a dr destination" },
  serverNeighbourUnresolved: { verdict: "drop", text: "the next hop of a fullnat destination is unresolved" },
  localExceedsMtu: { verdict: "drop", text: "larger than the MTU towards a fullnat destination" },
  localPortsExhausted: { verdict: "drop", text: "no local address and port free towards the chosen server" },
  vlanMismatch: { verdict: "drop", text: "two VLAN tags cannot be exchanged" },
  tableFull: { verdict: "drop", text: "connection table full" },
  templatesFull: { verdict: "drop", text: "table of persistent clients full" },
  shed: { verdict: "drop", text: "dropped as one of so many new connections, as configured" },
  tooManyNew: { verdict: "drop", text: "more new connections in a second than the service's cap" },
  tooManyHalfOpen: { verdict: "drop", text: "more half-open connections than the service's cap" },
  destinationRemoved: { verdict: "drop", text: "connection of a removed destination" },
  replyFlowTaken: { verdict: "drop", text: "another connection uses the same server address and client port" },
  silentRefusal: {
    verdict: "drop",
    text: "no destination available, where IPVS does not answer: a mark, an ICMP error",
  },
  tooManyAnswers: { verdict: "drop", text: "more ICMP errors and resets in a second than the settings allow" },
  noTunnelSource: { verdict: "drop", text: "the director has no address towards a tun destination" },
  tooLongToSum: { verdict: "drop", text: "too long for a tunnel with checksums: over 2047 bytes with its headers" },
  tunnelErrorKept: {
    verdict: "drop",
    text: "ICMP error about a tunnel's packet that its client has no use for: it may be divided, or the MTU is absurd",
  },
  crossingFragment: { verdict: "drop", text: "fragment on the way to the other address family" },
  crossingOptions: { verdict: "drop", text: "IPv4 options on the way to IPv6, which has none" },
  crossingUnchecked: {
    verdict: "drop",
    text: "UDP without a checksum on the way to IPv6, too long to be given one: over 2047 bytes",
  },
  crossingExceedsMtu: { verdict: "drop", text: "larger than the MTU in the other address family, and to be divided" },
  crossingError: { verdict: "drop", text: "ICMP error that the other address family has no like of" },
  held: { verdict: "drop", text: "of no known flow, while connections are still being copied from the program before" },
  checkUnknown: {
    verdict: "drop",
    text: "at the checks' interface, no check's packet or to no server that is checked",
  },
  checkFragment: {
    verdict: "drop",
    text: "a fragment at the checks' interface: answers in fragments do not get back to their checks",
  },
  checkExceedsMtu: { verdict: "drop", text: "a health check's packet larger than the MTU towards its server" },
  checkSentOn: {
    verdict: "drop",
    text: "a health check's packet that its server sent on: the service's address is not one of the server's",
  },
  checkBroken: { verdict: "drop", text: "a server's answer to a health check that cannot reach the check" },
  internal: { verdict: "drop", text: "internal inconsistency" },
} as const satisfies Record<string, ReasonText>;

export type ReasonName = keyof typeof texts;

/** Names in order of code. */
export const reasonNames = Object.keys(texts) as ReasonName[];
/** For `orPass(reasons.fragment)` and the like. */
export const reasons = Object.fromEntries(reasonNames.map((name, code) => [name, { name, code }])) as Readonly<
  Record<ReasonName, Reason>
>;
/** Reasons to pass come first: a code from here on drops. */
export const firstDropCode = reasonNames.findIndex((name) => texts[name].verdict === "drop");

/** Verdict and text of a reason. */
export function reasonText(name: ReasonName): ReasonText {
  return texts[name];
}
