// Plays a packet vector: configures the director with ipvsadm's commands, sends frames in and compares those that come
// out, and at the end the connection table.
import { fromHex, ipv6FragmentOf, isFragment, parseFrame, toHex } from "@yardmaster/packet";
import { tableDifferences } from "./agreement.ts";
import { Director } from "./director.ts";
import { parseProcEntry } from "./entries.ts";
import { frameDifferences } from "./frame-agreement.ts";
import { type Command, parseIpvsadm } from "./ipvsadm.ts";
import type { Network } from "./network.ts";
import { replay, type Replay } from "./replay.ts";
import type { Packet, SubjectFactory } from "./subject.ts";
import type { Exchange, Vector } from "./vector-file.ts";

/** How long the recorder waited where nothing was sent in: "up to three seconds". */
const PAUSE_MS = 3000;

/** Replays the vector on a balancer made for it. Throws for what the balancer cannot do at all. */
export function playVector(vector: Vector, create: SubjectFactory, network: Network): Replay {
  using director = new Director(create, network, []);
  const commands = vector.ipvsadm.map(parseIpvsadm);
  for (const [name, value] of Object.entries(vector.sysctl ?? {})) director.subject.setSysctl(name, value);
  for (const command of commands) carryOut(command, director);
  const tunnelEnds = tunnelEndsOf(commands);
  const exchanges = byDatagram(vector.exchanges).map((group) => ({
    place: group.map(({ index }) => `exchange ${index}`).join(", "),
    text: group.map(({ exchange }) => exchangeText(exchange)).join("; "),
    isStep: true,
    play: () => {
      const arrived = group.map(({ exchange }) => exchange.in && packetOf(exchange.in));
      const recorded = group.flatMap(({ exchange }) => exchange.out.map(packetOf));
      const replayed = arrived.flatMap((packet) => leaving(director, packet));
      return frameDifferences(recorded, replayed, { arrived: arrived[0], tunnelEnds });
    },
  }));
  const { conns } = vector;
  const checkTable = () =>
    conns === undefined ? [] : tableDifferences(conns.map(parseProcEntry), director.subject.entries());
  return replay([...exchanges, { place: "at the end", text: "", isStep: false, play: checkTable }], director);
}

interface Numbered {
  readonly index: number;
  readonly exchange: Exchange;
}

/**
 * The exchanges, those together whose frames are fragments of one datagram. IPVS holds fragments back until it has the
 * whole; a balancer that sends each on as it comes sends the same frames, in the same order, only earlier.
 */
function byDatagram(exchanges: readonly Exchange[]): readonly (readonly Numbered[])[] {
  const groups: Numbered[][] = [];
  let open: string | undefined;
  for (const [index, exchange] of exchanges.entries()) {
    const datagram = exchange.in && datagramOf(fromHex(exchange.in.frame));
    if (datagram !== undefined && datagram === open) groups.at(-1)?.push({ index, exchange });
    else groups.push([{ index, exchange }]);
    open = datagram;
  }
  return groups;
}

/** What the fragments of a datagram have in common (RFC 791 §3.2, RFC 8200 §4.5); undefined for whole packets. */
function datagramOf(frame: Uint8Array): string | undefined {
  const [, ip] = parseFrame(frame).layers;
  if ((ip?.layer !== "ipv4" && ip?.layer !== "ipv6") || !isFragment([ip])) return undefined;
  const identification = ip.layer === "ipv4" ? ip.identification : ipv6FragmentOf(ip)?.identification;
  return `${ip.source} ${ip.destination} ${ip.protocol} ${identification}`;
}

function leaving(director: Director, arrived: Packet | undefined): readonly Packet[] {
  if (arrived !== undefined) {
    const sent = director.receive(arrived);
    director.subject.advance(0);
    return sent;
  }
  director.subject.advance(PAUSE_MS);
  return director.subject.takeUnasked();
}

function packetOf({ side, frame }: NonNullable<Exchange["in"]>): Packet {
  return { side, frame: fromHex(frame) };
}

function exchangeText({ note, in: arrived }: Exchange): string {
  const frame = arrived === undefined ? "nothing sent in" : `${arrived.side} ${toHex(packetOf(arrived).frame)}`;
  return note === undefined ? frame : `${note}: ${frame}`;
}

function carryOut(command: Command, director: Director): void {
  switch (command.kind) {
    case "addService":
      return director.addService(command.service);
    case "editService":
      return director.editService(command.service.key, command.service);
    case "removeService":
      return director.removeService(command.key);
    case "clear":
      return director.clear();
    case "addServer":
      return director.addServer(command.key, command.server);
    case "editServer":
      return director.editServer(command.key, command.server);
    case "removeServer":
      return director.removeServer(command.key, command.name);
    case "setTimeouts":
      return director.subject.setTimeouts(...command.timeoutsS);
    case "startDaemon":
      return director.subject.startSyncDaemon(command.role, command.on, command.syncId);
  }
}

function tunnelEndsOf(commands: readonly Command[]): ReadonlySet<string> {
  const servers = commands.flatMap((command) => ("server" in command ? [command.server] : []));
  return new Set(servers.filter(({ mode }) => mode === "tun").map(({ address }) => address));
}
