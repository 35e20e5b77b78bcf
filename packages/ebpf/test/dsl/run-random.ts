// Runs a random program on a host and reads everything back that it may have changed, in the form that the
// reference half leaves it in.

import type { BpfHost, BpfMap, MapSpec, ProgramSpec } from "@yardmaster/ebpf";
import { initialState, type State, type Values } from "./evaluate.ts";
import type { Inputs, RandomProgram } from "./random-program.ts";
import { cells, globalData, Input, output, reasons, stageProgram, table } from "./stage.ts";

const SPECS = [cells.spec, table.spec, output.spec, reasons.spec, globalData.spec];

/** Runs `program` once per packet, each on maps as they were at first. */
export function runOnHost(host: BpfHost, program: RandomProgram, packets: readonly Inputs[]): State[] {
  const spec: ProgramSpec = stageProgram(program);
  using maps = new Maps(host);
  using loaded = host.loadProgram(spec, maps.byName);
  return packets.map((packet) => {
    maps.reset();
    const { verdict } = loaded.run({ packet: encodeInputs(packet) });
    return maps.read(verdict);
  });
}

/** A packet is as long as the input structure; the kernel takes none below 14 bytes. */
function encodeInputs({ words, wides }: Inputs): Uint8Array {
  return Input.encode({
    w0: Number(words[0]),
    w1: Number(words[1]),
    w2: Number(words[2]),
    pad: 0,
    x0: wides[0]!,
    x1: wides[1]!,
    x2: wides[2]!,
  });
}

class Maps implements Disposable {
  readonly byName: ReadonlyMap<string, BpfMap>;

  constructor(host: BpfHost) {
    this.byName = new Map(SPECS.map((spec) => [spec.name, host.createMap(spec as MapSpec)]));
  }

  #map<K, V>({ spec }: { readonly spec: MapSpec<K, V> }): BpfMap<K, V> {
    return this.byName.get(spec.name) as BpfMap<K, V>;
  }

  reset(): void {
    const state = initialState();
    state.cells.forEach(({ word, wide }, index) => this.#map(cells).update(index, { word: Number(word), wide: wide! }));
    const entries = this.#map(table);
    for (const [key] of [...entries.entries()]) entries.delete(key);
    for (const [key, { wide, half }] of state.table) {
      const [a, b] = key.split(",").map(Number);
      entries.update({ a: a!, b: b!, c: 5 }, { wide: wide!, half: Number(half) });
    }
    state.reasons.forEach((count, index) => this.#map(reasons).update(index, { count }));
    this.#map(globalData).update(0, { wide: state.global });
    this.#map(output).update(0, output.spec.value.decode(new Uint8Array(output.spec.value.size).fill(0xee)));
  }

  read(verdict: number): State {
    const values = (object: object): Values =>
      Object.fromEntries(Object.entries(object).map(([name, number]) => [name, BigInt(number as number)]));
    const out = this.#map(output).lookup(0)!;
    const { w0, w1, w2, x0, x1, x2, record } = out;
    const isWritten = record.half !== 0xeeee || record.wide !== 0xeeee_eeee_eeee_eeeen;
    return {
      verdict: BigInt(verdict),
      cells: [...this.#map(cells).entries()].map(([, cell]) => values(cell)),
      table: new Map([...this.#map(table).entries()].map(([{ a, b }, entry]) => [`${a},${b}`, values(entry)] as const)),
      reasons: [...this.#map(reasons).entries()].map(([, { count }]) => count),
      global: this.#map(globalData).lookup(0)!.wide,
      output: isWritten ? { words: [w0, w1, w2].map(BigInt), wides: [x0, x1, x2], record: values(record) } : undefined,
    };
  }

  [Symbol.dispose](): void {
    for (const map of this.byName.values()) map.close();
  }
}
