// Asks the kernel whom it takes for the client of a connection that came through a director's full NAT: a handshake
// with the option in its last packet, in a network namespace made for it, so that nothing goes out on a wire. Programs
// attached to control groups see it like any other connection.
import type { KernelProgram } from "@yardmaster/ebpf/kernel";
import {
  addAddress,
  addLinkRoute,
  addLink,
  bringUp,
  type Endpoint,
  findLink,
  listLinks,
  ProbeListener,
  withTemporaryNetworkNamespace,
} from "@yardmaster/linux";
import { clientAddress, ethernet, frame, ipv4, ipv6, layerOf, tcp, type TcpFields } from "@yardmaster/packet";
import { ask, loadInjector, waitFor } from "./injector.ts";

/** Documentation prefixes (RFC 5737, RFC 3849): the addresses of the server that is asked. */
const SERVERS = { 4: "198.51.100.10", 6: "2001:db8:feed::10" } as const;
const FIRST_SEQUENCE = 1000;
const DIRECTOR_MAC = "02:00:00:00:00:01";
const DIRECTOR_PORT = 40_000;
/** A new interface and a new IPv6 address begin to work a moment later (addrconf_dad_work, net/ipv6/addrconf.c). */
const ATTEMPTS = 5;

/** What to try. */
export interface ClientProbe {
  /** The address that the connection comes from. */
  readonly director: string;
  /** What its option says; without it the packet has none. */
  readonly client?: Endpoint;
  /** Where the server listens: at an address of the director's family, or, being of IPv6, at all of both. */
  readonly listensAt?: "its address" | "::";
}

/** What accept(2) and getpeername(2) told; undefined where no connection came about. */
export type ClientSeen = ReturnType<ProbeListener["accept"]>;

/** Makes the connection and says who its server sees. */
export function seeClient(probe: ClientProbe): ClientSeen {
  const family = probe.director.includes(":") ? 6 : 4;
  using injector = loadInjector();
  return withTemporaryNetworkNamespace(() => {
    const { index: interfaceIndex, mac } = createInterface();
    const address = SERVERS[family];
    addAddress({ interfaceIndex, address, prefixLength: family === 4 ? 32 : 128 });
    addLinkRoute({ address: probe.director, interfaceIndex });
    using listener = new ProbeListener({ address: probe.listensAt === "::" ? "::" : address, port: 0 });
    const hosts = { source: probe.director, destination: address };
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const ports = { sourcePort: DIRECTOR_PORT + attempt, destinationPort: listener.endpoint.port };
      const handshake = { hosts, mac, ports, client: probe.client };
      if (shakeHands(injector, interfaceIndex, handshake)) return waitFor(() => listener.accept());
    }
    return undefined;
  });
}

/** One end of a pair, which asks nobody for link-layer addresses. */
function createInterface(): { readonly index: number; readonly mac: string } {
  addLink({ name: "probe", kind: "veth" });
  for (const { index } of listLinks()) bringUp(index, { withoutArp: true });
  const { index, mac } =
    waitFor(() => {
      const link = findLink("probe");
      return link?.isRunning === true ? link : undefined;
    }) ?? {};
  if (index === undefined || mac === undefined) throw new Error("making an interface to probe with: it does not run");
  return { index, mac };
}

interface Handshake {
  readonly hosts: { readonly source: string; readonly destination: string };
  readonly mac: string;
  readonly ports: { readonly sourcePort: number; readonly destinationPort: number };
  readonly client: Endpoint | undefined;
}

function shakeHands(injector: KernelProgram, interfaceIndex: number, handshake: Handshake): boolean {
  const { hosts, mac, ports, client } = handshake;
  const link = ethernet({ destination: mac, source: DIRECTOR_MAC });
  const build = (fields: Omit<TcpFields, "sourcePort" | "destinationPort">): Uint8Array =>
    frame(link, hosts.source.includes(":") ? ipv6(hosts) : ipv4(hosts), tcp({ ...ports, ...fields }));
  const syn = build({ flags: "S", sequence: FIRST_SEQUENCE, window: 65_535 });
  const answer = ask(injector, { frame: syn, interfaceIndex }, (parsed) => {
    const header = layerOf(parsed, "tcp");
    return header?.destinationPort === ports.sourcePort && header.flags === "SA";
  });
  const acknowledgment = ((answer && layerOf(answer, "tcp")?.sequence) ?? 0) + 1;
  if (answer === undefined) return false;
  const options = client === undefined ? [] : [clientAddress(client.address, client.port)];
  const sequence = FIRST_SEQUENCE + 1;
  injector.inject(build({ flags: "A", sequence, acknowledgment, window: 65_535, options }), interfaceIndex);
  return true;
}
