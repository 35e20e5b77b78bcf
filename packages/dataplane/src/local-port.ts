// Full NAT's local addresses and ports. A connection's local end is taken by inserting the flow in which its server
// will answer: that the map refuses a key that it has already is all that keeps two connections apart, and connections
// to different servers may share a port.

import {
  choose,
  fn,
  guard,
  type Int,
  loop,
  Net,
  type Reference,
  returnValue,
  stack,
  struct,
  u32,
  u8,
  variable,
  viewAs,
  when,
} from "@yardmaster/ebpf";
import { AnyAddress, wordsOf } from "./address.ts";
import type { Family } from "./family.ts";
import { openingFlow, requestFlow } from "./flows.ts";
import type { ReplyEnds } from "./forward/method.ts";
import { methods } from "./forward/registry.ts";
import { type ConnectionReference, type FlowReference, isExpired } from "./life.ts";
import { EXISTS, failure, READY } from "./outcome.ts";
import { reasons } from "./reasons.ts";
import type { BalancerMaps } from "./schema.ts";

/**
 * How many ends are tried before a connection is refused: with nine of ten taken, one in 700 000 connections then finds
 * none although there is one; pools of no more ends are looked through whole.
 */
export const PORT_PROBES = 128;

type SearchReference = Reference<Family["PortSearch"]["fields"]>;

/** Runs `found` for a packet from a server to a local address that belongs to a connection. */
export function findReplyByLocalPort(
  maps: BalancerMaps,
  family: Family,
  flow: FlowReference,
  found: (connection: ConnectionReference, ends: ReplyEnds) => void,
): void {
  const { connections, localFlows } = maps[family.name];
  localFlows.lookup(flow).then(({ client, service, clientPort, servicePort }) => {
    const ends = { client: { address: client, port: clientPort }, service: { address: service, port: servicePort } };
    connections.lookup(openingFlow(family, flow, ends)).then((connection) => {
      // One that took its place has another port.
      const isItsPort = connection.port.eq(flow.destinationPort);
      when(connection.method.eq(methods.fullnat.code).and(isItsPort), () => found(connection, ends));
    });
  });
}

const Probing = struct("port_probing", { outcome: u32, now: u32 });

/**
 * The function that finds `connection`, which is described as leading to its server, a local address and port, and puts
 * these in place of the server's: READY; EXISTS where all that were looked at are taken, one of them by the expired
 * connection of the `owner` in this CPU's search; or a failure.
 */
export function localPortFunction(maps: BalancerMaps, family: Family) {
  const { FlowKey, Connection, digit } = family;
  const parameters = { flow: FlowKey, connection: Connection, now: u32 };
  return fn(
    `local_port${digit}`,
    parameters,
    u32,
    ({ flow, connection, now }) => {
      const search = maps[family.name].portSearch.lookup(0).orReturn(failure(reasons.internal));
      const destination = maps.destinations.lookup(connection.destination).orReturn(failure(reasons.internal));
      const pool = destination.localPool;
      begin(maps, search, { flow, connection, now, pool });
      guard(search.size.ne(0)).orReturn(failure(reasons.localPortsExhausted));
      const state = stack(Probing, { outcome: EXISTS, now });
      const rounds = choose(search.size.lt(PORT_PROBES), search.size, u32(PORT_PROBES));
      loop(`try_port${digit}`, rounds, Probing, state, (_, probing) => probe(maps, family, probing));
      const { outcome } = state;
      const isExhausted = outcome.eq(EXISTS).and(search.hasOwner.eq(0));
      when(isExhausted, () => returnValue(failure(reasons.localPortsExhausted)));
      when(outcome.eq(EXISTS), () => returnValue(EXISTS));
      guard(outcome.eq(0)).orReturn(failure(reasons.tableFull));
      connection.address = search.answer.destination;
      connection.port = search.answer.destinationPort;
      connection.hasReplyEntry = u8(1);
      return u32(READY);
    },
    { isGlobal: true },
  );
}

interface Wanted {
  readonly flow: FlowReference;
  readonly connection: ConnectionReference;
  readonly now: Int<"u32">;
  readonly pool: Int<"u64">;
}

/**
 * Where the search starts: at a hash of the client's flow, the time, so that a client that found nothing looks
 * elsewhere when it comes again, and a secret.
 */
function begin(maps: BalancerMaps, search: SearchReference, { flow, connection, now, pool }: Wanted): void {
  const { localPortCount, localPortSeed } = maps.settings.value;
  const count = pool.shr(32).toU32();
  const size = count.mul(localPortCount);
  search.first = pool.toU32();
  search.count = count;
  search.size = size;
  const ports = flow.sourcePort.toHost().toU32().shl(16).or(flow.destinationPort.toHost());
  const words = [...wordsOf(flow.source).map((word) => word.toHost()), ports];
  const start = words.reduce((hash: Int<"u32">, word) => mix(hash.xor(word)), localPortSeed.xor(now));
  search.at = start.mod(size);
  // Small pools are looked through one by one.
  search.stride = choose(size.le(PORT_PROBES), u32(1), mix(start).mod(size).or(1));
  search.hasOwner = u32(0);
  search.answer = {
    source: connection.address,
    destination: flow.destination,
    sourcePort: connection.port,
    destinationPort: 0,
    protocol: flow.protocol,
  } as never;
  search.entry = {
    client: flow.source,
    service: flow.destination,
    clientPort: flow.sourcePort,
    servicePort: flow.destinationPort,
  } as never;
}

/** One round of a hash of words: multiplications spread upwards, shifts bring what is above down. */
function mix(word: Int<"u32">): Int<"u32"> {
  const once = word.mul(0x9e37_79b1);
  const twice = once.xor(once.shr(16)).mul(0x85eb_ca6b);
  return twice.xor(twice.shr(13));
}

/** Tries one end, and goes on to the next unless it was free. */
function probe(maps: BalancerMaps, family: Family, state: Reference<typeof Probing.fields>): void {
  const { localFlows, connections, portSearch } = maps[family.name];
  const search = portSearch.lookup(0).orReturn(1);
  const local = maps.localAddresses.lookup(search.first.add(search.at.mod(search.count))).orReturn(1);
  search.answer.destination = viewAs(local.address, AnyAddress, family.Address);
  search.answer.destinationPort = portAt(maps, search.at.div(search.count));
  const outcome = localFlows.update(search.answer, search.entry, "create");
  state.outcome = outcome;
  when(outcome.ne(EXISTS), () => returnValue(1));
  when(search.hasOwner.eq(0), () => {
    localFlows.lookup(search.answer).then(({ client, service, clientPort, servicePort }) => {
      const ends = { client: { address: client, port: clientPort }, service: { address: service, port: servicePort } };
      Object.assign(search.owner, requestFlow(search.answer, ends));
      connections.lookup(search.owner).then((connection) => {
        when(isExpired(connection.life, state.now), () => (search.hasOwner = u32(1)));
      });
    });
  });
  const next = search.at.add(search.stride);
  search.at = choose(next.ge(search.size), next.sub(search.size), next);
}

/** The port with a number, counted without those of the gap. */
function portAt(maps: BalancerMaps, number: Int<"u32">): Net<"be16"> {
  const { localPortFirst, localGapFirst, localGapCount } = maps.settings.value;
  const port = variable(number.add(localPortFirst));
  when(port.get().ge(localGapFirst), () => port.set(port.get().add(localGapCount)));
  return port.get().toU16().toNet();
}

/** This CPU's search, in a function that returns what opening came to. */
export function searchOf(maps: BalancerMaps, family: Family): SearchReference {
  return maps[family.name].portSearch.lookup(0).orReturn(failure(reasons.internal));
}

/** Gives the end back that this CPU has just taken, for a connection that did not come about. */
export function forgetLocalPort(maps: BalancerMaps, family: Family): void {
  maps[family.name].localFlows.delete(searchOf(maps, family).answer);
}

/** Gives the local end of a connection that has ended back. */
export function giveLocalPortBack(
  maps: BalancerMaps,
  family: Family,
  flow: FlowReference,
  connection: ConnectionReference,
  place: { readonly share: string },
): void {
  maps.destinations.lookup(connection.destination).then(({ address, port: own }) => {
    const port = variable(own);
    when(own.eq(0), () => port.set(flow.destinationPort));
    const content = {
      source: viewAs(address, AnyAddress, family.Address),
      destination: connection.address,
      sourcePort: port.get(),
      destinationPort: connection.port,
      protocol: flow.protocol,
    };
    maps[family.name].localFlows.delete(stack(family.FlowKey, content, place));
  });
}
