// Nanoseconds per packet of the bare program: each case next to the feeder alone, repetitions interleaved, so that
// what else the machine does hits all alike.

import { withNetworkNamespace } from "@yardmaster/linux";
import type { MethodName } from "@yardmaster/dataplane";
import { createFeeder, type Feeder } from "./feeder.ts";
import { network } from "./network.ts";
import { blankFrame, type Protocol, TCP_ACK, TCP_SYN, template } from "./packets.ts";
import { createSubject, METHODS, type Subject } from "./subject.ts";

export type CaseName = "established" | "new" | "noService";

/** How much to measure. */
export interface Effort {
  readonly repetitions: number;
  /** Packets per repetition. */
  readonly packets: number;
  /** Established flows; new flows per repetition. */
  readonly flows: number;
  readonly newFlows: number;
}

/** One case with its repetitions. */
export interface CaseResult {
  readonly method: MethodName;
  readonly protocol: Protocol;
  readonly name: CaseName;
  /** What became of the last packet: XDP's number. */
  readonly verdict: number;
  /** Of each repetition: the feeder alone, and what the program takes besides. */
  readonly feederNs: readonly number[];
  readonly netNs: readonly number[];
}

export interface ProgramResult {
  readonly method: MethodName;
  /** After the verifier has rewritten it; what the JIT made of it; what the verifier walked through. */
  readonly instructions: number;
  readonly jitedBytes: number;
  readonly verifiedInstructions: number;
}

/** The connection table holds every flow of a measurement, also where each has two entries. */
const TABLE = 1 << 20;
const FOREIGN_ADDRESS = "10.77.0.1";
const PROTOCOLS: readonly Protocol[] = ["udp", "tcp"];
const CASES: readonly CaseName[] = ["established", "new", "noService"];

/** Measures all cases in the network namespace `name`. */
export function measure(name: string, effort: Effort): { cases: CaseResult[]; programs: ProgramResult[] } {
  using feeder = createFeeder();
  using subjects = new DisposableStack();
  const loaded = METHODS.map(
    (method) => [method, subjects.use(createSubject({ method, maximumConnections: TABLE }))] as const,
  );
  const cases = loaded.flatMap(([method, subject]) =>
    PROTOCOLS.flatMap((protocol) => CASES.map((at) => new Case(feeder, subject, method, protocol, at, effort))),
  );
  withNetworkNamespace(name, () => {
    for (const one of cases) one.prepare();
    for (let repetition = 0; repetition < effort.repetitions; repetition++) {
      for (const one of cases) one.repeat(repetition);
    }
  });
  const programs = loaded.map(([method, { program }]) => ({
    method,
    instructions: program.info.translatedLength / 8,
    jitedBytes: program.info.jitedLength,
    verifiedInstructions: program.info.verifiedInstructions,
  }));
  return { cases: cases.map((one) => one.result()), programs };
}

class Case {
  readonly #feeder: Feeder;
  readonly #subject: Subject;
  readonly #of: Pick<CaseResult, "method" | "protocol" | "name">;
  readonly #effort: Effort;
  readonly #feederNs: number[] = [];
  readonly #netNs: number[] = [];
  #verdict = 0;

  constructor(
    feeder: Feeder,
    subject: Subject,
    method: MethodName,
    protocol: Protocol,
    name: CaseName,
    effort: Effort,
  ) {
    this.#feeder = feeder;
    this.#subject = subject;
    this.#of = { method, protocol, name };
    this.#effort = effort;
  }

  /** Opens the established flows, in order, and shows each a second packet. */
  prepare(): void {
    if (this.#of.name !== "established") return;
    const { flows } = this.#effort;
    for (const flags of [TCP_SYN, TCP_ACK]) {
      const opening = template(this.#of.protocol, network.serviceAddress, flags, {
        firstFlow: 0,
        flows,
        order: "created",
      });
      this.#feeder.load(opening, this.#subject.program);
      this.#run(flows);
    }
  }

  repeat(repetition: number): void {
    const { name, protocol } = this.#of;
    const { flows, newFlows, packets } = this.#effort;
    const isNew = name === "new";
    const address = name === "noService" ? FOREIGN_ADDRESS : network.serviceAddress;
    const value = template(protocol, address, isNew ? TCP_SYN : TCP_ACK, {
      firstFlow: isNew ? flows + repetition * newFlows : 0,
      flows: isNew ? newFlows : flows,
      order: isNew ? "created" : "shuffled",
    });
    const count = isNew ? newFlows : packets;
    this.#feeder.load(value, this.#feeder.empty);
    const alone = this.#run(count).durationNs;
    this.#feeder.load(value, this.#subject.program);
    const { durationNs, verdict } = this.#run(count);
    this.#feederNs.push(alone);
    this.#netNs.push(durationNs - alone);
    this.#verdict = verdict;
  }

  result(): CaseResult {
    return { ...this.#of, verdict: this.#verdict, feederNs: this.#feederNs, netNs: this.#netNs };
  }

  #run(repeat: number) {
    return this.#feeder.program.run({ packet: blankFrame, repeat });
  }
}
