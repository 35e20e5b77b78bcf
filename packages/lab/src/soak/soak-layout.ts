// The network of a soak: clients – router – one segment with the director and the servers, in both families. Every
// method has a service there, each with clients of its own: those of `nat` are answered through the director, which is
// the servers' way to them alone.
import { addressIn, alone, type LabFamily, labFamilies, networkPrefix, withPrefix } from "../addresses.ts";
import type { HostPlan, LabLayout, LabMethod, LabService } from "../layout.ts";
import {
  atSwitch,
  forwardingSettings,
  hostPlan,
  labMethods,
  link,
  serverAddressesIn,
  serverNames,
  switchHost,
} from "../layout.ts";

const clientsOfService = 4;
const firstClient = 10;
const firstService = 101;
const firstPort = 80;
/** What health checks come from, to servers of `nat` (docs/health-checks.md). */
const checkAddresses = ["198.18.0.0/15", "fd79:6172:6400::/61"] as const;
const localNumbers = [21, 22] as const;

/** A service of the soak, and who asks it. */
export interface SoakService extends LabService {
  readonly method: LabMethod;
  readonly clientAddresses: readonly string[];
}

/** The network, and its services. */
export interface SoakLayout extends LabLayout {
  readonly services: readonly SoakService[];
  readonly localAddresses: readonly string[];
}

/** The network. As a layout it is one of `tun`: what that needs of the servers is what `dr` needs, too. */
export function soakLayout(): SoakLayout {
  const services = labFamilies.flatMap((family) => labMethods.map((method) => serviceOf(method, family)));
  const both = (make: (family: LabFamily) => readonly string[]): readonly string[] => labFamilies.flatMap(make);
  const localAddresses = both((family) => localNumbers.map((number) => addressIn("inside", family, number)));
  const own = both((family) => [addressIn("inside", family, 2)]);
  const direct = services.filter(({ method }) => method === "dr" || method === "tun");
  return {
    method: "tun",
    scenario: "shares",
    family: "ipv6",
    hook: "xdp",
    encapsulation: "ipip",
    description: "clients – router – one segment with director and servers",
    virtualAddress: services[0]?.address ?? "",
    hosts: hostsOf(services, { own, localAddresses }),
    links: [link("client", "eth0", "router", "eth1"), ...atSwitch(["router", "director", ...serverNames])],
    clientAddresses: services.flatMap(({ clientAddresses }) => clientAddresses),
    directorInterfaces: ["eth0"],
    services,
    localAddresses,
    serversSee: { tcp: "client", udp: "client" },
    realServers: { directors: [...own, ...localAddresses], services: direct.map(({ address }) => address) },
    requestPath: ["client", "router", "director", "server"],
    replyPath: ["server", "router", "client"],
    udpBindAddress: "::",
  };
}

function serviceOf(method: LabMethod, family: LabFamily): SoakService {
  const at = labMethods.indexOf(method);
  const port = firstPort + at;
  const isDirect = method === "dr" || method === "tun";
  return {
    name: `${method}-${family}`,
    method,
    address: addressIn("services", family, firstService + at),
    port,
    protocol: "tcp",
    scheduler: "wlc",
    destinations: serverAddressesIn("inside", family).map((address, index) => ({
      host: serverNames[index] ?? "",
      address,
      port: isDirect ? port : port + 8000,
      weight: 1,
    })),
    clientAddresses: Array.from({ length: clientsOfService }, (_, index) =>
      addressIn("clients", family, firstClient + at * clientsOfService + index),
    ),
  };
}

function hostsOf(
  services: readonly SoakService[],
  director: { readonly own: readonly string[]; readonly localAddresses: readonly string[] },
): readonly HostPlan[] {
  const router = labFamilies.map((family) => addressIn("inside", family, 1));
  const byRouter = router.map((address) => `default via ${address}`);
  const natClients = services.filter(({ method }) => method === "nat").flatMap((service) => service.clientAddresses);
  const answeredThroughDirector = [...natClients.map(alone), ...checkAddresses];
  const clients = services.flatMap(({ clientAddresses }) => clientAddresses);
  return [
    hostPlan("client", {
      addresses: { eth0: clients.map(withPrefix) },
      routes: labFamilies.map((family) => `default via ${addressIn("clients", family, 1)}`),
    }),
    hostPlan("router", {
      settings: forwardingSettings,
      addresses: {
        eth1: labFamilies.map((family) => withPrefix(addressIn("clients", family, 1))),
        eth0: router.map(withPrefix),
      },
      routes: labFamilies.map((family) => `${networkPrefix("services", family)} via ${addressIn("inside", family, 2)}`),
    }),
    hostPlan("director", {
      settings: forwardingSettings,
      addresses: {
        lo: services.map(({ address }) => alone(address)),
        eth0: [...director.own.map(withPrefix), ...director.localAddresses.map(alone)],
      },
      routes: byRouter,
    }),
    switchHost,
    ...serverNames.map((name, index) =>
      hostPlan(name, {
        settings: { "ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0" },
        addresses: { eth0: labFamilies.map((family) => withPrefix(serverAddressesIn("inside", family)[index] ?? "")) },
        routes: [
          ...byRouter,
          ...answeredThroughDirector.map((client) => `${client} via ${directorTowards(client, director.own)}`),
        ],
      }),
    ),
  ];
}

function directorTowards(client: string, own: readonly string[]): string {
  return own.find((address) => address.includes(":") === client.includes(":")) ?? "";
}
