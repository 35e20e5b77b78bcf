// The director as its network sees it: netfilter's marks, then the balancer under trial, then the host's own stack for
// what the balancer leaves to it. Also keeps what has been configured, because commands name only what they change.
import { parseFrame } from "@yardmaster/packet";
import { type Host, stackAnswers } from "./local-stack.ts";
import { type MarkRule, markOf } from "./mark-rules.ts";
import type { Network } from "./network.ts";
import {
  type Destination,
  type Packet,
  Refused,
  type Server,
  type Service,
  type ServiceKey,
  type Subject,
  type SubjectFactory,
} from "./subject.ts";
import { endpointText } from "./topology.ts";

/** A service as configured, its servers in the order in which they were added. */
interface Configured {
  service: Service;
  readonly servers: Map<string, Server>;
}

export class Director implements Disposable {
  readonly subject: Subject;
  readonly #network: Network;
  readonly #rules: readonly MarkRule[];
  readonly #services = new Map<string, Configured>();

  constructor(create: SubjectFactory, network: Network, markRules: readonly MarkRule[]) {
    this.#network = network;
    this.#rules = markRules;
    this.subject = create({ network, markRules });
  }

  /** A frame arrives. Returns the frames that leave because of it. */
  receive(packet: Packet): readonly Packet[] {
    const parsed = parseFrame(packet.frame);
    // Recorded with netfilter rules on the client's side only.
    const mark = packet.side === "c" ? markOf(this.#rules, parsed) : 0;
    const { leaving, toStack } = this.subject.send(packet, mark);
    const claimOn = (address: string) => (this.#isVirtual(address) ? "own" : mark === 0 ? "none" : "marked");
    const host: Host = { claimOn, mtuOf: (side) => this.#network.mtuOf(side) };
    return [...leaving, ...toStack.flatMap((frame) => stackAnswers({ side: packet.side, frame }, host))];
  }

  addService(service: Service): void {
    this.subject.addService(service);
    this.#services.set(keyText(service.key), { service, servers: new Map() });
  }

  /** Changes attributes of a service, the others stay. */
  editService(key: ServiceKey, changes: Partial<Service>): void {
    const configured = this.#services.get(keyText(key));
    if (configured === undefined) throw new Refused(`there is no service ${keyText(key)}`);
    const service = { ...configured.service, ...changes };
    this.subject.editService(service);
    configured.service = service;
  }

  removeService(key: ServiceKey): void {
    this.subject.removeService(key);
    this.#services.delete(keyText(key));
  }

  clear(): void {
    for (const { service } of [...this.#services.values()]) this.removeService(service.key);
  }

  addServer(key: ServiceKey, server: Server): void {
    this.subject.addServer(key, server);
    this.#serversOf(key).set(endpointText(server.address, server.port), server);
  }

  /** Changes attributes of a server, the others stay. */
  changeServer(key: ServiceKey, name: string, changes: Partial<Server>): void {
    const before = this.#serversOf(key).get(name);
    if (before === undefined) throw new Refused(`there is no server ${name}`);
    this.editServer(key, { ...before, ...changes });
  }

  /** Gives a server other attributes. */
  editServer(key: ServiceKey, server: Server): void {
    this.subject.editServer(key, server);
    this.#serversOf(key).set(endpointText(server.address, server.port), server);
  }

  removeServer(key: ServiceKey, name: string): void {
    this.subject.removeServer(key, name);
    this.#serversOf(key).delete(name);
  }

  /** Each service by name with its servers, as the balancer lists them. */
  listing(): readonly { readonly service: string; readonly destinations: readonly Destination[] }[] {
    return [...this.#services].map(
      ([
        service,
        {
          service: { key },
        },
      ]) => ({
        service,
        destinations: this.subject.destinations(key),
      }),
    );
  }

  [Symbol.dispose](): void {
    this.subject[Symbol.dispose]();
  }

  #serversOf(key: ServiceKey): Map<string, Server> {
    const configured = this.#services.get(keyText(key));
    if (configured === undefined) throw new Refused(`there is no service ${keyText(key)}`);
    return configured.servers;
  }

  #isVirtual(address: string): boolean {
    return [...this.#services.values()].some(({ service: { key } }) => "address" in key && key.address === address);
  }
}

/** Runs a control step. Returns whether IPVS would have taken it; other errors go on. */
export function isAccepted(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

/** "TCP 10.3.0.1:80", "mark 1". */
export function keyText(key: ServiceKey): string {
  if ("mark" in key) return `mark ${key.mark}${key.family === "ipv6" ? " (IPv6)" : ""}`;
  return `${key.protocol.toUpperCase()} ${endpointText(key.address, key.port)}`;
}
