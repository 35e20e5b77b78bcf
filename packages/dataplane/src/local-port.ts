// Full NAT's local addresses and ports. A connection's local end is taken by inserting the flow in which its server
// will answer: that the map refuses a key that it has already is all that keeps two connections apart, and connections
// to different servers may share a port.

import {
  be16,
  choose,
  fn,
  guard,
  type Int,
  loop,
  Net,
  type Reason,
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
import { type Address, AnyAddress, copyAddress, wordsOf } from "./address.ts";
import { crossesFrom, type LocalFlowReference, whenCrossing } from "./crossing/crossing.ts";
import { localAddressOf, nameLocalAddress, TAKEN } from "./crossing/local-name.ts";
import { type Family, otherFamily } from "./family.ts";
import { openingFlow, requestFlow } from "./flows.ts";
import { methods } from "./forward/registry.ts";
import { type ConnectionReference, type FlowReference, isExpired } from "./life.ts";
import { mix } from "./mix.ts";
import { EXISTS, failure, READY } from "./outcome.ts";
import { reasons } from "./reasons.ts";
import type { BalancerMaps } from "./schema.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";
import type { ReplyEnds } from "./forward/ends.ts";

/**
 * How many ends are tried before a connection is refused: with nine of ten taken, one in 700 000 connections then finds
 * none although there is one; pools of no more ends are looked through whole.
 */
export const PORT_PROBES = 128;

type SearchReference = Reference<Family["PortSearch"]["fields"]>;

/**
 * Runs `found` for a packet from a server to a local address that belongs to a connection; `crossing` for one whose
 * client is of the other family.
 */
export function findReplyByLocalPort(
  maps: BalancerMaps,
  family: Family,
  flow: FlowReference,
  found: (connection: ConnectionReference, ends: ReplyEnds) => void,
  crossing?: (entry: LocalFlowReference) => void,
): void {
  const { connections, localFlows } = maps[family.name];
  localFlows.lookup(flow).then((entry) => {
    if (crossing !== undefined) when(entry.crosses.ne(0), () => crossing(entry));
    const { client, service, clientPort, servicePort } = entry;
    const ends = { client: { address: client, port: clientPort }, service: { address: service, port: servicePort } };
    connections.lookup(openingFlow(family, flow, ends)).then((connection) => {
      // One that took its place has another port.
      const isItsPort = connection.port.eq(flow.destinationPort);
      when(connection.method.eq(methods.fullnat.code).and(isItsPort), () => found(connection, ends));
    });
  });
}

const Probing = struct("port_probing", { outcome: u32, now: u32 });

/** Whose connections are to get a local end, and towards servers of which family. */
interface Place {
  readonly maps: BalancerMaps;
  readonly client: Family;
  readonly server: Family;
  /** Whether the program has connections between families. */
  readonly translates: boolean;
}

const searchMap = ({ maps, client, server }: Place) =>
  client === server ? maps[client.name].portSearch : maps[client.name].crossSearch;
/** In names of functions. */
const kind = ({ client, server }: Place): string => `${client === server ? "local" : "cross"}_port${client.digit}`;

/**
 * What finds `connection`, which is described as leading to its server, a local address and port, and puts these in
 * place of the server's: READY; EXISTS where all that were looked at are taken, one of them by the expired connection
 * of the `owner` in this CPU's search; or a failure. For functions that return what opening came to.
 */
export function takingLocalPort(maps: BalancerMaps, shape: BalancerShape, family: Family) {
  const translates = hasFeature(shape, "translatedFamilies");
  const take = localPortFunction({ maps, client: family, server: family, translates });
  type Arguments = Parameters<typeof take>[0];
  if (!translates) return (args: Arguments): Int<"u32"> => take(args);
  const takeAcross = localPortFunction({ maps, client: family, server: otherFamily(family), translates });
  return (args: Arguments): Int<"u32"> => {
    const { flags } = maps.destinations.lookup(args.connection.destination).orReturn(failure(reasons.internal));
    const outcome = variable(u32(0));
    when(crossesFrom(family, flags), () => outcome.set(takeAcross(args))).otherwise(() => outcome.set(take(args)));
    return outcome.get();
  };
}

function localPortFunction(place: Place) {
  const { maps, client, server, translates } = place;
  const { FlowKey, Connection } = client;
  const parameters = { flow: FlowKey, connection: Connection, now: u32 };
  return fn(
    kind(place),
    parameters,
    u32,
    ({ flow, connection, now }) => {
      const search = searchMap(place).lookup(0).orReturn(failure(reasons.internal));
      const destination = maps.destinations.lookup(connection.destination).orReturn(failure(reasons.internal));
      const pool = destination.localPool;
      const address = viewAs(destination.address, AnyAddress, server.Address);
      begin(place, search, { flow, address, port: connection.port, now, pool });
      if (translates) searchOf(maps, client).crosses = u32(client === server ? 0 : 1);
      guard(search.size.ne(0)).orReturn(failure(reasons.localPortsExhausted));
      const state = stack(Probing, { outcome: EXISTS, now });
      const rounds = choose(search.size.lt(PORT_PROBES), search.size, u32(PORT_PROBES));
      const name = client === server ? `try_port${client.digit}` : `try_cross${client.digit}`;
      loop(name, rounds, Probing, state, (_, probing) => probe(place, probing));
      const { outcome } = state;
      const isExhausted = outcome.eq(EXISTS).and(search.hasOwner.eq(0));
      when(isExhausted, () => returnValue(failure(reasons.localPortsExhausted)));
      when(outcome.eq(EXISTS), () => returnValue(EXISTS));
      guard(outcome.eq(0)).orReturn(failure(reasons.tableFull));
      keep(place, connection, search);
      connection.port = search.answer.destinationPort;
      connection.hasReplyEntry = u8(1);
      return u32(READY);
    },
    { isGlobal: true },
  );
}

/** Has the connection say which end it got; where that cannot be, the end is given back and the function returns. */
function keep({ maps, client, server }: Place, connection: ConnectionReference, search: SearchReference): void {
  const { answer } = search;
  const giveUp = (reason: Reason): void => {
    maps[server.name].localFlows.delete(answer);
    returnValue(failure(reason));
  };
  if (client !== server && client.name === "ipv4") {
    const outcome = nameLocalAddress(maps, connection, answer.destination);
    when(outcome.eq(TAKEN), () => giveUp(reasons.localPortsExhausted));
    when(outcome.ne(0), () => giveUp(reasons.tableFull));
    return;
  }
  copyAddress(connection.address, answer.destination);
  if (client === server) return;
  when(maps.crossedEnds.update(answer, search.ends).ne(0), () => giveUp(reasons.tableFull));
}

interface Wanted {
  readonly flow: FlowReference;
  /** Of the server. */
  readonly address: Address;
  readonly port: Net<"be16">;
  readonly now: Int<"u32">;
  readonly pool: Int<"u64">;
}

/**
 * Where the search starts: at a hash of the client's flow, the time, so that a client that found nothing looks
 * elsewhere when it comes again, and a secret.
 */
function begin({ maps, client, server }: Place, search: SearchReference, wanted: Wanted): void {
  const { flow, address, port, now, pool } = wanted;
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
  copyAddress(search.answer.source, address);
  search.answer.sourcePort = port;
  search.answer.destinationPort = be16(0);
  search.answer.protocol = flow.protocol;
  const hasRoom = client === server || server.name === "ipv6";
  writeEnds(search.entry, flow, { hasRoom, crosses: client === server ? 0 : 1 });
  if (!hasRoom) writeEnds(search.ends, flow, { hasRoom: true, crosses: 1 });
}

/** Whose the end is, in an entry that has room for it; ports in any case. */
function writeEnds(
  entry: SearchReference["entry"],
  flow: FlowReference,
  { hasRoom, crosses }: { readonly hasRoom: boolean; readonly crosses: number },
): void {
  if (hasRoom) {
    copyAddress(entry.client, flow.source);
    copyAddress(entry.service, flow.destination);
  }
  entry.clientPort = flow.sourcePort;
  entry.servicePort = flow.destinationPort;
  entry.crosses = u32(crosses);
}

/** Tries one end, and goes on to the next unless it was free. */
function probe(place: Place, state: Reference<typeof Probing.fields>): void {
  const { maps, server } = place;
  const { localFlows } = maps[server.name];
  const search = searchMap(place).lookup(0).orReturn(1);
  const local = maps.localAddresses.lookup(search.first.add(search.at.mod(search.count))).orReturn(1);
  search.answer.destination = viewAs(local.address, AnyAddress, server.Address);
  search.answer.destinationPort = portAt(maps, search.at.div(search.count));
  const outcome = localFlows.update(search.answer, search.entry, "create");
  state.outcome = outcome;
  when(outcome.ne(EXISTS), () => returnValue(1));
  when(search.hasOwner.eq(0), () => {
    localFlows.lookup(search.answer).then((entry) => {
      whenOfPlace(place, search.answer, entry, (ends) => noteOwner(place, search, ends, state.now));
    });
  });
  const next = search.at.add(search.stride);
  search.at = choose(next.ge(search.size), next.sub(search.size), next);
}

/** Runs `found` for an end that a connection of clients of the place's family has. */
function whenOfPlace(
  { maps, client, server, translates }: Place,
  answer: FlowReference,
  entry: SearchReference["entry"],
  found: (ends: ReplyEnds) => void,
): void {
  if (client !== server) whenCrossing(maps, server, answer, entry, found);
  else when(translates ? entry.crosses.eq(0) : u32(0).eq(0), () => found(endsOfEntry(entry)));
}

function endsOfEntry({ client, service, clientPort, servicePort }: SearchReference["entry"]): ReplyEnds {
  return { client: { address: client, port: clientPort }, service: { address: service, port: servicePort } };
}

/** Notes whose a taken end is, if the connection has expired. */
function noteOwner({ maps, client }: Place, search: SearchReference, ends: ReplyEnds, now: Int<"u32">): void {
  const { owner } = maps[client.name].portSearch.lookup(0).orReturn(1);
  Object.assign(owner, requestFlow(search.answer, ends));
  maps[client.name].connections.lookup(owner).then((connection) => {
    when(isExpired(connection.life, now), () => (search.hasOwner = u32(1)));
  });
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
export function forgetLocalPort(maps: BalancerMaps, shape: BalancerShape, family: Family): void {
  const search = searchOf(maps, family);
  const here = maps[family.name].localFlows;
  if (!hasFeature(shape, "translatedFamilies")) return void here.delete(search.answer);
  const server = otherFamily(family);
  when(search.crosses.eq(0), () => void here.delete(search.answer)).otherwise(() => {
    const { answer } = maps[family.name].crossSearch.lookup(0).orReturn(failure(reasons.internal));
    if (server.name === "ipv4") maps.crossedEnds.delete(answer);
    maps[server.name].localFlows.delete(answer);
  });
}

/** Gives the local end of a connection that has ended back. */
export function giveLocalPortBack(
  { maps, shape, family }: { readonly maps: BalancerMaps; readonly shape: BalancerShape; readonly family: Family },
  flow: FlowReference,
  connection: ConnectionReference,
  place: { readonly share: string },
): void {
  maps.destinations.lookup(connection.destination).then(({ address, port: own, flags }) => {
    const port = variable(own);
    when(own.eq(0), () => port.set(flow.destinationPort));
    const answerTo = (local: Address, server: Family): FlowReference => {
      const content = {
        source: viewAs(address, AnyAddress, server.Address),
        destination: local,
        sourcePort: port.get(),
        destinationPort: connection.port,
        protocol: flow.protocol,
      };
      return stack(server.FlowKey, content, place);
    };
    const here = () => maps[family.name].localFlows.delete(answerTo(connection.address, family));
    if (!hasFeature(shape, "translatedFamilies")) return void here();
    const server = otherFamily(family);
    const { localFlows } = maps[server.name];
    when(crossesFrom(family, flags).not(), () => void here()).otherwise(() => {
      if (server.name === "ipv6") {
        localAddressOf(maps, connection).then((local) => void localFlows.delete(answerTo(local.address, server)));
      } else {
        const answer = answerTo(viewAs(connection.address, family.Address, server.Address), server);
        maps.crossedEnds.delete(answer);
        localFlows.delete(answer);
      }
    });
  });
}
