// Whether a client that comes through a director gets an answer: the first packet of a TCP connection is put in at the
// interface, wrapped as the method wraps it, and the answer is waited for where it would go out.
import type { KernelProgram } from "@yardmaster/ebpf/kernel";
import { type InterfaceAddress, type Link, listAddresses, routeTo } from "@yardmaster/linux";
import {
  ethernet,
  type FramePart,
  frame,
  ipv4,
  ipv6,
  layerOf,
  type Prefix,
  prefixContains,
  tcp,
} from "@yardmaster/packet";
import { familyOf, type RealServerOptions, type VirtualService } from "../options.ts";
import { hostOf, SOME_CLIENT } from "../plan.ts";
import type { Finding } from "./finding.ts";
import { ask } from "./injector.ts";

const DIRECTOR_MAC = "02:79:61:72:64:02";
/** Where outer headers go when the interface has no address of their family: our program does not look at it. */
const NOBODY = { 4: "10.255.255.254", 6: "fd00:ffff::1" } as const;
const CLIENT_PORT = 40_100;
const SEQUENCE = 1000;

/** What packets are put in through: the unwrapper for tun, a program that passes everything for dr. */
export interface Entrance {
  readonly program: KernelProgram;
  readonly link: Link;
  readonly options: RealServerOptions;
}

/** Opens a connection to a TCP service from an address that stands for any client. */
export function checkService({ program, link, options }: Entrance, service: VirtualService): Finding {
  const { address, family, port } = service;
  const part = `TCP connection to ${address} port ${port}`;
  const client = findClient(family, options.directors);
  if (port === undefined || client === undefined || link.mac === undefined) {
    const seen = port === undefined ? "the service names no port" : "no route leads to a client";
    return { part, outcome: "unknown", tried: "looked for a client and a port to try", seen };
  }
  const wrapper = wrapperOf(options, service, link);
  const tried = `a SYN from ${client}${wrapper.text}, put in at ${link.name}`;
  const hosts = { source: client, destination: address };
  const before = [ethernet({ source: DIRECTOR_MAC, destination: link.mac }), ...wrapper.parts];
  const inner = family === 4 ? ipv4(hosts) : ipv6(hosts);
  const ports = { sourcePort: CLIENT_PORT, destinationPort: port };
  const syn = frame(...before, inner, tcp({ ...ports, flags: "S", sequence: SEQUENCE, window: 65_535 }));
  const answer = ask(program, { frame: syn, interfaceIndex: link.index }, (parsed) => {
    const header = layerOf(parsed, "tcp");
    const ip = layerOf(parsed, family === 4 ? "ipv4" : "ipv6");
    return header?.destinationPort === CLIENT_PORT && header.sourcePort === port && ip?.source === address;
  });
  const flags = answer && layerOf(answer, "tcp")?.flags;
  if (flags === "SA") {
    const reset = frame(...before, inner, tcp({ ...ports, flags: "R", sequence: SEQUENCE + 1 }));
    program.inject(reset, link.index);
    return { part, outcome: "good", tried, seen: `SYN and ACK from ${address}, straight to the client` };
  }
  if (flags !== undefined) {
    const advice = `start the server, and let it listen at ${address} or at all addresses`;
    return { part, outcome: "bad", tried, seen: `a reset: nothing listens there`, advice };
  }
  const advice =
    "it was dropped on this machine: see a firewall (nft list ruleset), rp_filter, and whether the next hop " +
    `of ${client} answers`;
  return { part, outcome: "bad", tried, seen: "no answer went out", advice };
}

/** An address to which answers find a way: anywhere in the world, or at least the director's. */
function findClient(family: 4 | 6, directors: readonly Prefix[]): string | undefined {
  const ofFamily = directors.map(hostOf).filter((address) => familyOf(address) === family);
  return [SOME_CLIENT[family], ...ofFamily].find((address) => routeTo(address).type === "unicast");
}

/** The headers that the director puts before the packet. */
function wrapperOf(
  { method, directors }: RealServerOptions,
  { family }: VirtualService,
  link: Link,
): { parts: FramePart[]; text: string } {
  const [director] = directors;
  if (method !== "tun" || director === undefined) return { parts: [], text: "" };
  const source = hostOf(director);
  const outerFamily = familyOf(source);
  const isOwn = (each: InterfaceAddress): boolean =>
    each.interfaceIndex === link.index && familyOf(each.address) === outerFamily;
  const destination = listAddresses().find(isOwn)?.address ?? NOBODY[outerFamily];
  const outer = outerFamily === 4 ? ipv4({ source, destination }) : ipv6({ source, destination });
  return { parts: [outer], text: `, in IPv${outerFamily} (IPv${family} in it) from director ${source}` };
}

/** What comes in tunnels from hosts that are no directors has to stay as it is: the program is run without a wire. */
export function checkStranger({ program, link, options }: Entrance): Finding {
  const part = "tunnels of strangers";
  const [service] = options.services;
  const stranger = ["203.0.113.254", "198.18.0.1"].find(
    (address) => !options.directors.some((prefix) => prefixContains(prefix, address)),
  );
  if (service === undefined || stranger === undefined || link.mac === undefined)
    return { part, outcome: "unknown", tried: "looked for an address that is no director's", seen: "none was found" };
  const inner = { source: SOME_CLIENT[service.family], destination: service.address };
  const packet = frame(
    ethernet({ source: DIRECTOR_MAC, destination: link.mac }),
    ipv4({ source: stranger, destination: NOBODY[4] }),
    service.family === 4 ? ipv4(inner) : ipv6(inner),
    tcp({ sourcePort: CLIENT_PORT, destinationPort: service.port ?? 80, flags: "S" }),
  );
  const { packet: after } = program.run({ packet });
  const tried = `ran the attached program on a packet for ${service.address} in a tunnel from ${stranger}`;
  if (after.length === packet.length) return { part, outcome: "good", tried, seen: "it stayed wrapped" };
  const advice = "give exact addresses with --director, and run up again";
  return { part, outcome: "bad", tried, seen: "it was unwrapped", advice };
}
