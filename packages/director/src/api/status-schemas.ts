// What the director shows of itself, as zod schemas: the one definition behind the types (types.ts) and the OpenAPI
// document (openapi.ts). The daemon checks nothing with them, and loads them only for the document.
// Counters count since the service was first set up.
import { z } from "zod";
import { clientAddresses } from "../model/client-address.ts";
import { forwardingMethods } from "../model/forwarding-method.ts";
import { schedulerOptions, schedulers } from "../model/scheduler.ts";
import { protocols } from "../model/virtual-service.ts";

const count = z.int().min(0);
const port = z.int().min(0).max(65_535);
const protocol = z.enum(protocols);
const forwarding = z.enum(forwardingMethods);
/** Ranges in ascending order with gaps between them. */
const portRange = z.object({ first: port, last: port });
const ports = z.union([z.literal("any"), z.tuple([portRange], portRange)]);

const markRule = z.object({
  prefix: z.string().describe("where its packets are addressed to"),
  ports,
  protocols: z.array(protocol),
});

/** Which packets are a service's. */
export const serviceMatch = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("exact"), address: z.string(), port, protocol }),
  z.object({ kind: z.literal("wide"), prefixes: z.tuple([z.string()], z.string()), ports, protocol }),
  z.object({ kind: z.literal("mark"), mark: z.int(), rules: z.tuple([markRule], markRule) }),
]);

const encapsulation = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ipip") }),
  z.object({ kind: z.literal("gue"), port, checksum: z.boolean() }),
  z.object({ kind: z.literal("gre"), checksum: z.boolean() }),
]);

/** What happens in a second, by LVS's estimator (status/rates.ts). */
export const trafficRates = z.object({
  connections: z.number(),
  packetsIn: z.number(),
  packetsOut: z.number(),
  bytesIn: z.number(),
  bytesOut: z.number(),
});

/** What is counted per service and per destination. */
export const trafficCounters = z.object({
  activeConnections: count.describe("established connections, by LVS's definition"),
  inactiveConnections: count.describe("all other entries of the connection table that belong here"),
  persistentClients: count.describe("clients that are bound here by persistence: their templates"),
  connections: count.describe("connections scheduled since the start"),
  packetsIn: count,
  bytesIn: count,
  packetsOut: count
    .exactOptional()
    .describe("on the way back; absent where replies do not pass the director (dr, tun)"),
  bytesOut: count.exactOptional(),
});

const rated = {
  perSecond: trafficRates.exactOptional().describe("absent until it has been measured, every two seconds"),
};

/** What had been counted when counters were asked to begin at zero. */
export const zeroedCounters = z.object({
  ...{ connections: count, packetsIn: count, bytesIn: count, packetsOut: count, bytesOut: count },
});

const zeroable = {
  zeroed: zeroedCounters.exactOptional().describe("what is taken off by who wants to see what came since ipvsadm -Z"),
};

/** A destination of a service, observed. */
export const destinationStatus = z.object({
  ...{ address: z.string(), port: port.describe("0: the port that the client wrote to") },
  weight: port.describe("in force now; 0: no new connections"),
  forwarding,
  upperThreshold: count.describe("connections at which it gets no more; 0: never"),
  lowerThreshold: count.describe("the one in force: connections below which it gets some again"),
  encapsulation: encapsulation.exactOptional().describe("only where forwarding is tun"),
  clientAddress: z.enum(clientAddresses).exactOptional().describe("only where forwarding is fullnat"),
  isSorry: z.literal(true).exactOptional().describe("it answers only when too few others are up"),
  ...trafficCounters.shape,
  ...rated,
  ...zeroable,
  overloaded: z
    .boolean()
    .describe("it has reached its upper threshold and not come below the lower one since: no new connections"),
  clientsUntold: count
    .exactOptional()
    .describe("fullnat with clientAddress toa: connections whose server could not be told who the client is"),
  handshakes: z
    .object({
      begun: count,
      done: count,
      refused: count.describe("by a reset of the server; 0 where its replies do not pass the director"),
      synsRepeated: count.describe("SYNs that came again before the handshake was complete"),
    })
    .exactOptional()
    .describe("TCP handshakes of its clients, where a check goes by them"),
  localPorts: z
    .object({ inUse: count, maximum: count })
    .exactOptional()
    .describe("fullnat: ports of local addresses that its connections have, and how many there are to one server"),
});

/** A virtual service, observed. */
export const serviceStatus = z.object({
  name: z.string(),
  match: serviceMatch,
  matchText: z.string().describe("for people: tcp 198.51.100.10:80, 10.0.0.0/8 tcp/80,443, mark 7"),
  scheduler: z.enum(schedulers),
  schedulerOptions: z.array(z.enum(schedulerOptions)),
  forwarding,
  persistence: z
    .object({ timeoutMs: count, maskBits: count })
    .exactOptional()
    .describe("absent: clients are not bound to servers"),
  onePacket: z.boolean(),
  caps: z.object({ newPerSecond: count, halfOpen: count }).describe("0: none"),
  localAddresses: z.array(z.string()).exactOptional().describe("what full NAT sends from"),
  ...trafficCounters.shape,
  ...rated,
  ...zeroable,
  servers: z.array(destinationStatus),
});

/** An interface that the program is attached to. */
export const hookStatus = z.object({
  interfaceName: z.string(),
  mode: z.enum(["native", "generic", "tc"]),
  programId: z.int().describe("the kernel's id of the program (bpftool prog show id …)"),
});

/** How many packets left the program by one named way. */
export const verdictCount = z.object({ verdict: z.enum(["pass", "drop"]), reason: z.string(), packets: count });

/** What probably keeps a server from working. */
export const hint = z.object({
  severity: z.enum(["error", "warning"]).describe("error: packets do not arrive"),
  code: z.string().describe("stable, for programs"),
  service: z.string(),
  server: z.string().describe("10.0.0.11:80; what is wrong with the machine is said of the first server only"),
  message: z.string(),
  evidence: z.string().describe("what was seen, and how to see it"),
  hint: z.string().describe("the command that mends it, or what else to do"),
});

/** How full the connection table is. */
export const connectionTable = z.object({
  entries: count,
  maximum: count,
  memoryBytes: count.exactOptional().describe("kernel memory that the table takes"),
});

/** What the program was made for; what a configuration needs beyond that needs another one. */
export const programStatus = z.object({
  families: z.array(z.string()).describe("ipv4, ipv6"),
  methods: z.array(z.string()).describe("nat, dr, tun, fullnat"),
  schedulers: z.array(z.string()),
  encapsulations: z.array(z.string()),
  features: z.array(z.string()).describe("what some configurations need and others do without"),
  maximumServices: count,
  maximumDestinations: count,
  maximumConnections: count.describe("entries of the connection table of each family"),
});

/** How far what runs is behind what is wanted. */
export const reconcileStatus = z.object({
  lagMs: z.number().describe("what has waited longest of what is wanted and does not run; 0: nothing waits"),
  tookMs: z.number().exactOptional().describe("from being wanted to running, the last time"),
  made: count,
  failed: count.describe("tried again every second until it is made"),
});

/** The director and all of its services at one moment. */
export const directorStatus = z.object({
  version: z.string(),
  pid: z.int(),
  startedAtMs: z.number().describe("Unix time in milliseconds"),
  configurationFile: z.string(),
  lastChange: z
    .object({ cause: z.string(), atMs: z.number().describe("Unix time in milliseconds") })
    .exactOptional()
    .describe("what made the configuration what it is; absent: nothing since the director was started"),
  unconfirmed: z
    .object({ untilMs: z.number().describe("Unix time in milliseconds") })
    .exactOptional()
    .describe("the last change is taken back then unless it is confirmed"),
  instance: z
    .object({ name: z.string(), directory: z.string().describe("where it is pinned") })
    .exactOptional()
    .describe("what it is kept under when its process ends; absent: it ends with it"),
  hooks: z.array(hookStatus),
  program: programStatus.exactOptional().describe("absent before there is one"),
  reconcile: reconcileStatus.exactOptional(),
  services: z.array(serviceStatus),
  verdicts: z.array(verdictCount),
  hints: z.array(hint),
  connectionTable,
});

/** A connection, or a client's template; addresses are `address:port` text, IPv6 ones in brackets. */
export const connectionRow = z.object({
  kind: z.enum(["connection", "template"]),
  protocol: z.enum([...protocols, "any"]).describe("any: a template of a mark, for all protocols"),
  state: z.string().describe("LVS's name: ESTABLISHED, SYN_RECV, FIN_WAIT, UDP …; of templates NONE or ASSURED"),
  expiresInMs: z.number(),
  client: z.string().describe("port 0 for templates, whose address is cut to the netmask"),
  virtual: z.string().describe("port 0: for all ports; mark 7: for all that has the mark"),
  destination: z.string(),
  local: z.string().exactOptional().describe("fullnat: the director's address and port that the destination talks to"),
  service: z.string().describe("name of the service"),
  controls: count.exactOptional().describe("of a template: connections that were opened under it and go on"),
  packets: count.exactOptional(),
});

/** The answer to a connections request. */
export const connectionList = z.object({ connections: z.array(connectionRow) });
