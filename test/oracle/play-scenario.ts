// Plays a scenario: configures the director as the file says, takes its steps one after another on the recorded clock,
// and compares each with what the kernel did.
import { type Difference, differencesOf, type Observed, orderDifferences } from "./agreement.ts";
import { Conversation } from "./conversation.ts";
import { Director, isAccepted } from "./director.ts";
import { netmaskLength } from "./ipvsadm.ts";
import { parseMarkRule } from "./mark-rules.ts";
import type { Network } from "./network.ts";
import { replay, type Replay } from "./replay.ts";
import type { Result, Scenario, Step, StepOf } from "./scenario-file.ts";
import type { Destination, Server, Service, ServiceKey, SubjectFactory } from "./subject.ts";
import { endpointText, familyOf } from "./topology.ts";

type ControlStep = StepOf<"set_weight" | "edit_server" | "add_server" | "remove_server" | "edit_service">;

/** Replays the scenario on a balancer made for it. Throws for what the balancer cannot do at all. */
export function playScenario(scenario: Scenario, create: SubjectFactory, network: Network): Replay {
  using director = new Director(create, network, (scenario.marks ?? []).map(parseMarkRule));
  const play = new ScenarioPlay(scenario, director);
  play.setUp();
  const order = scenario.kernel_order;
  const checkOrder = () => (order === undefined ? [] : orderDifferences(order, play.destinations()));
  const steps = scenario.steps.map((step, index) => ({
    place: `step ${index}`,
    text: JSON.stringify(step),
    isStep: true,
    play: () => play.take(step, scenario.results[index] ?? {}),
  }));
  return replay([{ place: "after set-up", text: "", isStep: false, play: checkOrder }, ...steps], director);
}

class ScenarioPlay {
  readonly #scenario: Scenario;
  readonly #director: Director;
  readonly #key: ServiceKey;
  readonly #conversation: Conversation;
  /** Names of servers by address, those that were removed included: their connections go on. */
  readonly #names = new Map<string, string>();
  #nowMs = 0;

  constructor(scenario: Scenario, director: Director) {
    const { mode, service, protocol } = scenario;
    this.#scenario = scenario;
    this.#director = director;
    const isMark = "fwmark" in service;
    this.#key = isMark
      ? { mark: service.fwmark, family: service.ipv6 === true ? "ipv6" : "ipv4" }
      : { protocol, address: service.address, port: service.port };
    const virtual = isMark ? undefined : { address: service.address, port: service.port };
    const nameOf = (address: string): string | undefined => this.#names.get(address);
    this.#conversation = new Conversation({ director, mode, virtual, nameOf });
  }

  setUp(): void {
    const { sysctl = {}, timeouts, scheduler, flags = [], service, servers } = this.#scenario;
    const { subject } = this.#director;
    for (const [name, value] of Object.entries(sysctl)) subject.setSysctl(name, value);
    if (timeouts !== undefined) subject.setTimeouts(...timeouts);
    const { persistent = 0, netmask, ops = false } = service;
    const persistence = { persistenceS: persistent, netmaskLength: this.#netmaskLength(netmask), onePacket: ops };
    this.#director.addService({ key: this.#key, scheduler, flags, ...persistence });
    for (const server of servers) this.#addServer(server);
  }

  destinations(): readonly Destination[] {
    return this.#director.subject.destinations(this.#key);
  }

  /** Takes a step at its recorded time, and compares. */
  take(step: Step, recorded: Result): readonly Difference[] {
    const { subject } = this.#director;
    const elapsedMs = this.#elapsedMs(step, recorded);
    // The recorder waited before it looked: timers that the step had set to "now" had run.
    const settleMs = Math.min((this.#scenario.settle ?? 0) * 1000, elapsedMs);
    subject.advance(elapsedMs - settleMs);
    const observed = this.#perform(step, recorded);
    subject.advance(settleMs);
    const standing = { destinations: () => this.destinations(), entries: () => subject.entries() };
    return differencesOf(recorded, observed, standing);
  }

  /** `t` was taken after each step; a recording without it has at least its pauses. */
  #elapsedMs(step: Step, recorded: Result): number {
    const pauseMs = step.op === "wait" ? step.seconds * 1000 : 0;
    const elapsedMs = recorded.t === undefined ? pauseMs : Math.max(0, recorded.t - this.#nowMs);
    this.#nowMs += elapsedMs;
    return elapsedMs;
  }

  #perform(step: Step, recorded: Result): Observed {
    switch (step.op) {
      case "wait":
        return { ok: true };
      case "sysctl":
        this.#director.subject.setSysctl(step.name, step.value);
        return { ok: true };
      case "udp":
      case "syn":
      case "connect":
      case "close":
      case "rst":
      case "tcp":
        return this.#conversation.take(step, recorded);
      default:
        return { ok: isAccepted(() => this.#control(step)) };
    }
  }

  #control(step: ControlStep): void {
    const [director, key] = [this.#director, this.#key];
    switch (step.op) {
      case "set_weight":
        return director.changeServer(key, step.server, { weight: step.weight });
      case "edit_server":
        return director.changeServer(key, step.server, step.set as Partial<Server>);
      case "add_server":
        return this.#addServer(step.server);
      case "remove_server":
        return director.removeServer(key, step.server);
      case "edit_service":
        return director.editService(key, this.#serviceChanges(step.set));
    }
  }

  #addServer(given: Scenario["servers"][number]): void {
    const { address, port, weight, upper = 0, lower = 0 } = given;
    this.#director.addServer(this.#key, { address, port, weight, upper, lower, mode: this.#scenario.mode });
    this.#names.set(address, endpointText(address, port));
  }

  #serviceChanges(set: StepOf<"edit_service">["set"]): Partial<Service> {
    const { scheduler, flags, persistent, netmask, ops } = set;
    return {
      ...(scheduler !== undefined && { scheduler }),
      ...(flags !== undefined && { flags }),
      ...(persistent !== undefined && { persistenceS: persistent }),
      ...(netmask !== undefined && { netmaskLength: this.#netmaskLength(netmask) }),
      ...(ops !== undefined && { onePacket: ops }),
    };
  }

  #netmaskLength(netmask: string | number | undefined): number {
    return netmaskLength(netmask, "mark" in this.#key ? this.#key.family : familyOf(this.#key.address));
  }
}
