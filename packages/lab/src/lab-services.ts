// The virtual services that every layout offers, by scenario. Ports and weights are the same in every layout; where
// the servers listen is the layout's matter.
import type { LabScenario, LabService } from "./layout.ts";
import { serverNames } from "./layout.ts";
import { leastConnectionSchedulers } from "./mixed/promise.ts";

interface ServiceTemplate {
  readonly name: string;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  readonly scheduler: LabService["scheduler"];
  readonly weights: readonly [number, number, number];
}

/** Where requests are shared out: the common schedulers over TCP, and one over UDP. */
const shared: readonly ServiceTemplate[] = [
  { name: "web", port: 80, protocol: "tcp", scheduler: "wrr", weights: [1, 2, 3] },
  { name: "web-rr", port: 81, protocol: "tcp", scheduler: "rr", weights: [1, 1, 1] },
  { name: "web-sh", port: 82, protocol: "tcp", scheduler: "sh", weights: [1, 1, 1] },
  { name: "web-wlc", port: 83, protocol: "tcp", scheduler: "wlc", weights: [1, 2, 3] },
  { name: "echo", port: 5300, protocol: "udp", scheduler: "rr", weights: [1, 1, 1] },
];

/** Services of programs from the distribution, named after them. */
const tools: readonly ServiceTemplate[] = [
  { name: "nginx", port: 80, protocol: "tcp", scheduler: "rr", weights: [1, 1, 1] },
  // A transfer is two connections, which have to be at one server.
  { name: "iperf3", port: 5201, protocol: "tcp", scheduler: "sh", weights: [1, 1, 1] },
  { name: "dnsmasq", port: 53, protocol: "udp", scheduler: "rr", weights: [1, 1, 1] },
];

/** Far apart, so that the schedulers choose differently: a slow server, one three and one eight times as quick. */
const mixedWeights = [1, 3, 8] as const;

const templates: Readonly<Record<LabScenario, readonly ServiceTemplate[]>> = {
  path: shared,
  shares: shared,
  tools,
  mixed: leastConnectionSchedulers.map((scheduler, index) => ({
    name: `mixed-${scheduler}`,
    port: 90 + index,
    protocol: "tcp",
    scheduler,
    weights: mixedWeights,
  })),
};

/** How a layout places the servers behind a service. */
export interface ServicePlacement {
  readonly virtualAddress: string;
  /** Of server1, server2, server3. */
  readonly serverAddresses: readonly [string, string, string];
  /** The port on which a server listens for a service's port; the same port where the method cannot map it. */
  readonly serverPort: (servicePort: number) => number;
}

/** The services of a scenario, their servers placed as the layout says. */
export function labServices(scenario: LabScenario, placement: ServicePlacement): readonly LabService[] {
  return templates[scenario].map(({ weights, ...service }) => ({
    ...service,
    address: placement.virtualAddress,
    destinations: placement.serverAddresses.map((address, index) => ({
      host: serverNames[index] ?? "",
      address,
      port: placement.serverPort(service.port),
      weight: weights[index] ?? 1,
    })),
  }));
}
