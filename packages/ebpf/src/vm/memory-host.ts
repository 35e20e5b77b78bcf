// The host without a kernel: maps are memory of this process and programs are interpreted. The same
// bytecode, the same contract, on any operating system and without privileges.

import type { BpfHost, BpfMap, MapSpec, ProgramSpec } from "../spec.ts";
import { createClock } from "./clock.ts";
import type { HelperTable } from "./helpers/helper.ts";
import { builtInHelpers } from "./helpers/index.ts";
import { createMemoryMap, reopenMemoryMap } from "./maps/create-map.ts";
import { MemoryMap } from "./maps/memory-map.ts";
import { Memory } from "./memory.ts";
import { type Environment, MemoryProgram } from "./memory-program.ts";
import { createRandom } from "./random.ts";
import { VmError } from "./vm-error.ts";

export interface MemoryHostOptions {
  /** The time in jiffies, 250 a second; default: this process's monotonic clock. */
  readonly now?: () => bigint;
  /** CPUs that per-CPU maps have values for. Default 2. */
  readonly cpus?: number;
  /** The CPU that a program runs on, from 0. Default: always 0. */
  readonly currentCpu?: () => number;
  /** Helpers to add or to replace, by number, e.g. 69 (bpf_fib_lookup). */
  readonly helpers?: HelperTable;
  /** Instructions after which a run is stopped. Default 1,000,000. */
  readonly instructionLimit?: number;
}

/** As `BpfHost`; its programs say more about a run. */
export interface MemoryHost extends BpfHost {
  readonly kind: "memory";
  loadProgram(spec: ProgramSpec, maps: ReadonlyMap<string, BpfMap>): MemoryProgram;
}

const DEFAULT_CPUS = 2;
const DEFAULT_INSTRUCTION_LIMIT = 1_000_000;
const RANDOM_SEED = 0x2545_f491;

/** A host of its own: nothing is shared with another one. */
export function createMemoryHost(options: MemoryHostOptions = {}): MemoryHost {
  const { cpus = DEFAULT_CPUS, instructionLimit = DEFAULT_INSTRUCTION_LIMIT } = options;
  const environment: Environment = {
    memory: new Memory(),
    clock: createClock(options.now),
    helpers: { ...builtInHelpers, ...options.helpers },
    instructionLimit,
    currentCpu: options.currentCpu ?? (() => 0),
    random: createRandom(RANDOM_SEED),
  };
  return {
    kind: "memory",
    createMap: <K, V>(spec: MapSpec<K, V>): BpfMap<K, V> => createMemoryMap(environment.memory, spec, cpus),
    reopenMap: <K, V>(map: BpfMap, spec: MapSpec<K, V>): BpfMap<K, V> => reopenMemoryMap(environment.memory, map, spec),
    // One after the other: while the control plane is asking, none runs.
    waitForRuns: () => undefined,
    loadProgram: (spec, maps) => new MemoryProgram(spec, ownMaps(spec, maps), environment),
  };
}

/** The maps that `spec` names, all of which must be here and of this kind of host. */
function ownMaps(spec: ProgramSpec, maps: ReadonlyMap<string, BpfMap>): ReadonlyMap<string, MemoryMap> {
  return new Map(
    spec.maps.map(({ name }) => {
      const map = maps.get(name);
      if (map instanceof MemoryMap) return [name, map];
      const problem = map === undefined ? "was not given" : "is of another host";
      throw new VmError("YM_VM_PROGRAM", `load program "${spec.name}": map "${name}" ${problem}`);
    }),
  );
}
