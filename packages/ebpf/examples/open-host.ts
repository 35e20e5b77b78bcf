// Where an example runs: in the kernel where it may, in the interpreter otherwise. The same bytecode in both.

import type { BpfHost, BpfMap, BpfProgram, MapSpec, ProgramDefinition } from "@yardmaster/ebpf";
import { arrayMap, compile, struct, u32 } from "@yardmaster/ebpf";
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { createMemoryHost } from "@yardmaster/ebpf/vm";

/** The kernel, or the interpreter where the kernel refuses or `--interpreter` was asked for. */
export function openHost(): BpfHost {
  if (process.argv.includes("--interpreter")) return createMemoryHost();
  const kernel = createKernelHost();
  try {
    kernel.createMap(arrayMap("probe", struct("probe", { value: u32 }), 1).spec as MapSpec).close();
    return kernel;
  } catch (error) {
    console.error(`in the interpreter, because the kernel said: ${(error as Error).message}`);
    return createMemoryHost();
  }
}

/** A loaded program and its maps; closing it closes all. */
export class Running implements Disposable {
  readonly #maps: ReadonlyMap<string, BpfMap>;
  readonly #program: BpfProgram;

  constructor(host: BpfHost, definition: ProgramDefinition) {
    const spec = compile(definition);
    this.#maps = new Map(spec.maps.map((map) => [map.name, host.createMap(map)]));
    this.#program = host.loadProgram(spec, this.#maps);
  }

  /** The live map of a definition: `running.map(counters)`. */
  map<K, V>({ spec }: { readonly spec: MapSpec<K, V> }): BpfMap<K, V> {
    const map = this.#maps.get(spec.name);
    if (map === undefined) throw new Error(`the program does not use map "${spec.name}"`);
    return map as unknown as BpfMap<K, V>;
  }

  /** Hands one packet to the program. */
  run(packet: Uint8Array): { readonly action: string; readonly packet: Uint8Array } {
    const output = this.#program.run({ packet });
    return { action: ["aborted", "drop", "pass", "tx", "redirect"][output.verdict] ?? "?", packet: output.packet };
  }

  [Symbol.dispose](): void {
    this.#program.close();
    for (const map of this.#maps.values()) map.close();
  }
}
