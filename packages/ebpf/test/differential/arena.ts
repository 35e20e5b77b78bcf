// Runs generated programs on a host and takes down everything that can be seen of the outcome. The maps
// are made once and put back to their first state before each run.

import type { BpfHost, BpfMap } from "../../src/spec.ts";
import * as layout from "./arena-layout.ts";
import type { GeneratedProgram } from "./generator.ts";
import { toProgramSpec } from "./program-spec.ts";

/** What a program did: facts by name, as text. */
export type Outcome =
  | { readonly kind: "done"; readonly facts: ReadonlyMap<string, string> }
  | { readonly kind: "refused" | "fault"; readonly message: string };

type Entries = BpfMap<number, Uint8Array>;
const indices = (length: number) => Array.from({ length }, (_, index) => index);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

export class Arena implements Disposable {
  readonly #host: BpfHost;
  readonly #state: Entries;
  readonly #array: Entries;
  readonly #hash: Entries;
  readonly #maps: ReadonlyMap<string, BpfMap>;

  constructor(host: BpfHost) {
    this.#host = host;
    this.#state = host.createMap(layout.stateSpec);
    this.#array = host.createMap(layout.arraySpec);
    this.#hash = host.createMap(layout.hashSpec);
    const all = [this.#state, this.#array, this.#hash];
    this.#maps = new Map(all.map((map) => [map.spec.name, map as BpfMap]));
  }

  /** Loads and runs once. Nothing that can go wrong with a program throws. */
  run(program: GeneratedProgram): Outcome {
    this.#reset(program);
    let loaded: ReturnType<BpfHost["loadProgram"]>;
    try {
      loaded = this.#host.loadProgram(toProgramSpec(program.items), this.#maps);
    } catch (error) {
      return { kind: "refused", message: String(error) };
    }
    try {
      const { verdict, packet } = loaded.run({ packet: program.packet });
      return { kind: "done", facts: this.#facts(verdict, packet) };
    } catch (error) {
      return { kind: "fault", message: String(error) };
    } finally {
      loaded.close();
    }
  }

  [Symbol.dispose](): void {
    for (const map of this.#maps.values()) map.close();
  }

  #reset(program: GeneratedProgram): void {
    const state = new Uint8Array(layout.STATE_BYTES);
    state.set(program.playground);
    this.#state.update(0, state);
    for (const index of indices(layout.ARRAY_LENGTH)) {
      this.#array.update(index, program.playground.slice(index * 8, index * 8 + 8));
    }
    // All of them go first: what the last program left may fill the map.
    for (const key of indices(layout.HASH_KEYS)) this.#hash.delete(key);
    for (const key of [0, 1]) {
      this.#hash.update(key, program.playground.slice(key, key + layout.HASH_VALUE_BYTES));
    }
  }

  #facts(verdict: number, packet: Uint8Array): ReadonlyMap<string, string> {
    const state = this.#state.lookup(0) ?? new Uint8Array(layout.STATE_BYTES);
    const word = (at: number) => hex(state.slice(at, at + 8).reverse());
    return new Map([
      ["verdict", `${verdict}`],
      ["packet", hex(packet)],
      ["playground", hex(state.subarray(0, layout.PLAYGROUND_BYTES))],
      ...indices(8).map((r) => [`r${r}`, word(layout.REGISTERS_AT + r * 8)] as const),
      ...indices(layout.STACK_WORDS).map(
        (index) => [`fp-${8 * (index + 1)}`, word(layout.STACK_AT + index * 8)] as const,
      ),
      ...indices(layout.ARRAY_LENGTH).map((key) => this.#entry(this.#array, key)),
      ...indices(layout.HASH_KEYS).map((key) => this.#entry(this.#hash, key)),
    ]);
  }

  #entry(map: Entries, key: number): readonly [string, string] {
    const value = map.lookup(key);
    return [`${map.spec.name}[${key}]`, value === undefined ? "none" : hex(value)];
  }
}

/** What differs between two outcomes, a line each; nothing where they agree. */
export function differences(wanted: Outcome, got: Outcome): readonly string[] {
  if (wanted.kind !== "done" || got.kind !== "done") {
    return wanted.kind === got.kind ? [] : [`${tell(wanted)}, but ${tell(got)}`];
  }
  return [...wanted.facts]
    .filter(([name, value]) => got.facts.get(name) !== value)
    .map(([name, value]) => `${name}: ${value}, but ${got.facts.get(name)}`);
}

function tell(outcome: Outcome): string {
  return outcome.kind === "done" ? "ran" : `${outcome.kind}: ${outcome.message}`;
}
