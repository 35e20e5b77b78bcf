// A director in memory: it keeps a configuration if the real parser takes it, and shows what a director would that has
// seen no packet, or the counters that a test gives it.
import {
  type ConnectionRow,
  type DestinationStatus,
  type DirectorStatus,
  parseConfiguration,
  type ServiceStatus,
  type TrafficCounters,
  type TrafficRates,
  type VirtualService,
  ZeroMarks,
} from "@yardmaster/director";
import {
  ChangedMeanwhile,
  type IpvsadmAnswer,
  type IpvsadmPorts,
  noNames,
  runIpvsadm,
  splitLine,
} from "../src/index.ts";

/** What was counted of a service (by its name) or a server of it (name and address). */
export type Counted = Partial<TrafficCounters> & { readonly perSecond?: TrafficRates };

const nothing: TrafficCounters = {
  activeConnections: 0,
  inactiveConnections: 0,
  persistentClients: 0,
  connections: 0,
  packetsIn: 0,
  bytesIn: 0,
};

/** It answers as a director's API does. */
export class MemoryDirector {
  text: string;
  revision = 1;
  input = "";
  counted: Readonly<Record<string, Counted>> = {};
  rows: readonly ConnectionRow[] = [];
  readonly marks = new ZeroMarks();
  /** Runs before each write, as somebody else who is quicker. */
  beforeWrite: () => void = () => undefined;

  constructor(text = "services: {}\n") {
    this.text = text;
  }

  /** What a command line answers. */
  run(line: string): Promise<IpvsadmAnswer> {
    return runIpvsadm(splitLine(line), this.#ports());
  }

  #ports(): IpvsadmPorts {
    const named: Readonly<Record<number, string>> = { 53: "domain", 80: "http", 8080: "http-alt" };
    return {
      read: () => Promise.resolve({ text: this.text, revision: String(this.revision) }),
      write: async (text, revision) => {
        this.beforeWrite();
        if (revision !== String(this.revision)) throw new ChangedMeanwhile();
        parseConfiguration(text, "running");
        this.text = text;
        this.revision++;
        await Promise.resolve();
      },
      status: () => Promise.resolve(this.status()),
      zero: (service) => {
        this.marks.zero(this.#counted(), service);
        return Promise.resolve();
      },
      connections: () => Promise.resolve(this.rows),
      input: () => Promise.resolve(this.input),
      names: { ...noNames, portName: (port) => named[port] },
    };
  }

  #counted(): ServiceStatus[] {
    const { services } = parseConfiguration(this.text, "running").configuration;
    return services.map((service) => this.#service(service));
  }

  status(): DirectorStatus {
    return {
      ...{ version: "0", pid: 1, startedAtMs: 0, configurationFile: "y.yaml", hooks: [], verdicts: [], hints: [] },
      services: this.marks.annotate(this.#counted()),
      connectionTable: { entries: 0, maximum: 4096 },
    };
  }

  #service({ health: _health, ...service }: VirtualService): ServiceStatus {
    const { persistence, servers, ...rest } = service;
    return {
      ...rest,
      ...(persistence !== undefined && { persistence }),
      matchText: service.name,
      ...nothing,
      ...this.counted[service.name],
      servers: servers.map((server): DestinationStatus => {
        // The one in force.
        const lowerThreshold = server.lowerThreshold || Math.floor((server.upperThreshold * 3) / 4);
        const counted = this.counted[`${service.name} ${server.address}`];
        return { ...server, lowerThreshold, overloaded: false, ...nothing, ...counted };
      }),
    };
  }
}
