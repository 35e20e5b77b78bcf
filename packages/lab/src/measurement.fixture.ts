// A measurement of a run in which everything went well: 60 requests on 30 connections to one wrr service,
// and one connection that was followed.
// The tests of the judgement and of the report change it.
import type { MethodMeasurement } from "./lab-report.ts";
import { layoutOf } from "./layouts.ts";
import type { TraceReport } from "./trace/trace-report.ts";
import { traceOf } from "./trace/trace-report.ts";
import { clientOf, goodSightings } from "./trace/trace.fixture.ts";

/** The measurement of a good run. */
export function goodMeasurement(method: "nat" | "dr"): MethodMeasurement {
  const directorInterfaces = method === "nat" ? ["eth0", "eth1"] : ["eth0"];
  const counters = {
    ...{ activeConnections: 0, inactiveConnections: 30, persistentClients: 0, connections: 31 },
    ...{ packetsIn: 300, bytesIn: 20_000 },
  };
  const address = { address: "198.51.100.10", port: 80, protocol: "tcp" } as const;
  const scheduler = "wrr";
  const weights = [1, 2, 3];
  return {
    method,
    scenario: "shares",
    family: "ipv4",
    hook: "xdp",
    trace: goodTrace(method),
    description: "clients – router – director – servers",
    clients: 20,
    readyAfterMs: 400,
    services: [
      {
        service: {
          name: "web",
          ...address,
          scheduler,
          destinations: weights.map((weight) => ({
            host: `server${weight}`,
            address: `10.0.0.1${weight}`,
            port: 8080,
            weight,
          })),
        },
        requests: 60,
        traffic: {
          connections: 30,
          sent: 60,
          answered: 60,
          failures: {},
          requestsByServer: { server1: 10, server2: 20, server3: 30 },
          connectionsByServer: { server1: 5, server2: 10, server3: 15 },
          connectionsThatMoved: 0,
          ownAddressSeen: 60,
          foreignAddressesSeen: [],
          serversByClient: { "203.0.113.10": ["server1"] },
          latencyMs: { p50: 1, p90: 2, p99: 3, max: 4 },
        },
      },
    ],
    frames: { requests: 300, replies: 400, repliesThroughDirector: method === "nat" ? 400 : 2 },
    repliesPassDirector: method === "nat",
    directorInterfaces,
    status: {
      version: "0.1.0",
      pid: 1,
      startedAtMs: 0,
      configurationFile: "/run/yardmaster.yaml",
      hooks: directorInterfaces.map((interfaceName) => ({ interfaceName, mode: "native", programId: 7 })),
      services: [
        {
          ...{ name: "web", match: { kind: "exact", ...address }, matchText: "tcp 198.51.100.10:80", scheduler },
          ...{ schedulerOptions: [], forwarding: method, onePacket: false, caps: { newPerSecond: 0, halfOpen: 0 } },
          ...counters,
          servers: [],
        },
      ],
      verdicts: [{ verdict: "pass", reason: "not-ipv4", packets: 12 }],
      ...{ hints: [], connectionTable: { entries: 30, maximum: 65_536 } },
    },
    directorEnd: { how: "exit status 0", interfacesWithXdp: [] },
  };
}

function goodTrace(method: "nat" | "dr"): TraceReport {
  const layout = layoutOf({ method }, 1);
  const [service] = layout.services;
  const { address, port } = clientOf(layout);
  const answer = { server: "server1", client: `${address}:${port}` };
  const trace = service && traceOf(service, goodSightings(layout), answer);
  if (trace === undefined) throw new Error(`the captures for ${method} have no connection in them`);
  return trace;
}
