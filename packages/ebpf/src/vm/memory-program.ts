// A program loaded into the memory host: the machine that runs it, the packet and context it sees, and
// the bridge over which its helper calls go.

import { helperName, type Reference } from "../asm/index.ts";
import type { BpfProgram, ProgramSpec, RunInput, RunOutput } from "../spec.ts";
import type { Step } from "./access.ts";
import type { Clock } from "./clock.ts";
import { addContext, createContext, type Surroundings } from "./context.ts";
import type { HelperCall, HelperTable } from "./helpers/helper.ts";
import { Machine } from "./machine.ts";
import { MemoryMap } from "./maps/memory-map.ts";
import { createRegion, functionSlot, type Memory, toPointer } from "./memory.ts";
import { Packet } from "./packet.ts";
import { SocketBuffer } from "./socket-buffer.ts";
import { translate } from "./translate.ts";
import { Fault, VmError } from "./vm-error.ts";

/** What a run of the memory host tells beyond the contract. */
export interface MemoryRunOutput extends RunOutput {
  /** Interface of the last redirect, if the program asked for one. */
  readonly redirectIfindex?: number;
  /** With bpf_redirect_neigh: the struct bpf_redir_neigh that names the neighbour. */
  readonly redirectNeighbour?: Uint8Array;
  /** sched_cls with a sum over the whole packet: whether it is right still. */
  readonly isCompleteSumRight?: boolean;
  /** sched_cls: bytes of payload in each segment, 0 where the packet is one. */
  readonly segmentPayload?: number;
  /** Instructions executed in the last repetition. */
  readonly instructions: number;
}

/** What programs share with their host. */
export interface Environment {
  readonly memory: Memory;
  readonly clock: Clock;
  readonly helpers: HelperTable;
  readonly instructionLimit: number;
  currentCpu(): number;
  random(): number;
}

/** Interface of packets that no one said where they came from: loopback, as in the kernel's test run. */
const LOOPBACK_IFINDEX = 1;

export class MemoryProgram implements BpfProgram {
  readonly spec: ProgramSpec;
  readonly #environment: Environment;
  readonly #machine: Machine;
  readonly #packet: Packet;
  readonly #buffer: SocketBuffer;
  readonly #maps: readonly MemoryMap[];
  readonly #surroundings: Surroundings = { ingressIfindex: LOOPBACK_IFINDEX };
  readonly #contextHigh: number;
  #redirected: { readonly ifindex: number; readonly neighbour: Uint8Array | undefined } | undefined;
  #isClosed = false;

  constructor(spec: ProgramSpec, maps: ReadonlyMap<string, MemoryMap>, environment: Environment) {
    this.spec = spec;
    this.#environment = environment;
    const { memory, instructionLimit } = environment;
    this.#machine = new Machine(memory, spec.name, spec.instructions, instructionLimit);
    this.#packet = new Packet(memory);
    this.#buffer = new SocketBuffer(this.#packet);
    const linkage = {
      packet: this.#packet,
      resolve: (reference: Reference) => resolve(reference, maps),
      helper: (id: number) => this.#helperStep(id),
    };
    try {
      this.#machine.translate((instruction, slot) => translate(this.#machine, linkage, instruction, slot));
    } catch (error) {
      this.#packet.close();
      throw error;
    }
    const context = createContext(spec.type, this.#packet, this.#buffer, this.#surroundings);
    this.#contextHigh = addContext(memory, context, this.#packet);
    this.#maps = [...maps.values()];
    for (const map of this.#maps) map.retain();
  }

  run(input: RunInput): MemoryRunOutput {
    if (this.#isClosed) {
      throw new VmError("YM_VM_CLOSED", `run program "${this.spec.name}": it has been closed`);
    }
    const { repeat = 1, ingressIfindex = LOOPBACK_IFINDEX } = input;
    this.#packet.fill(input.packet);
    const isBuffer = this.spec.type === "sched_cls";
    if (isBuffer) this.#buffer.begin(input.buffer ?? {});
    this.#surroundings.ingressIfindex = ingressIfindex;
    let result = 0n;
    const startMs = performance.now();
    for (let round = 0; round < repeat; round++) result = this.#runOnce();
    const elapsedNs = (performance.now() - startMs) * 1e6;
    const { isCompleteSumRight, segmentPayload } = this.#buffer;
    if (isBuffer) this.#buffer.finish();
    const redirected = this.#redirected;
    return {
      verdict: Number(BigInt.asUintN(32, result)),
      packet: this.#packet.copy(),
      durationNs: elapsedNs / repeat,
      instructions: this.#machine.executed,
      ...(redirected !== undefined && { redirectIfindex: redirected.ifindex }),
      ...(redirected?.neighbour !== undefined && { redirectNeighbour: redirected.neighbour }),
      ...(isCompleteSumRight !== undefined && { isCompleteSumRight }),
      ...(isBuffer && { segmentPayload }),
    };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#machine.close();
    if (this.#contextHigh !== this.#packet.high) this.#environment.memory.remove(this.#contextHigh);
    this.#packet.close();
    for (const map of this.#maps) map.release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #runOnce(): bigint {
    this.#redirected = undefined;
    const offset = this.#contextHigh === this.#packet.high ? this.#packet.start : 0;
    const context = toPointer(this.#contextHigh, offset);
    return this.#environment.memory.whileRunning(() => this.#machine.start(context));
  }

  #helperStep(id: number): Step {
    const name = helperName(id) ?? `helper ${id}`;
    const helper = this.#environment.helpers[id];
    if (helper === undefined) {
      throw new Fault("YM_VM_HELPER", `the interpreter does not have ${name} (${id})`);
    }
    const call = this.#createCall(name);
    const machine = this.#machine;
    return () => {
      const result = helper(call) ?? 0;
      machine.registers.set64(0, typeof result === "bigint" ? result : BigInt(result));
      machine.poisonArguments();
    };
  }

  #createCall(name: string): HelperCall {
    const { memory, clock, random, currentCpu } = this.#environment;
    const { registers } = this.#machine;
    return {
      name,
      programType: this.spec.type,
      packet: this.#packet,
      buffer: this.#buffer,
      clock,
      get cpu() {
        return currentCpu();
      },
      random,
      argument: (index) => registers.get64(index),
      int: (index) => registers.low(index),
      bytes: (index, length) => memory.bytesAt(registers.get64(index), length),
      map: (index) => {
        const map = memory.objectAt(registers.get64(index));
        if (map instanceof MemoryMap) return map;
        throw new Fault("YM_VM_HELPER", `${name}: argument ${index} is no map`);
      },
      callee: (index) => {
        const slot = functionSlot(registers.get64(index));
        return (args) => this.#machine.call(slot, args);
      },
      withScratch: (bytes, body) => {
        const high = memory.add(createRegion("key", Buffer.from(bytes), { readOnly: true }));
        try {
          return body(toPointer(high, 0));
        } finally {
          memory.remove(high);
        }
      },
      redirect: (ifindex, neighbour) => {
        this.#redirected = { ifindex, neighbour: neighbour && Uint8Array.from(neighbour) };
      },
    };
  }
}

function resolve(reference: Reference, maps: ReadonlyMap<string, MemoryMap>): bigint {
  const map = maps.get(reference.map);
  if (map === undefined) {
    throw new Fault("YM_VM_PROGRAM", `map "${reference.map}" was not given when it was loaded`);
  }
  if (reference.kind === "map") return map.pointer;
  if (map.spec.type !== "array" || map.spec.maxEntries !== 1) {
    const problem = `map "${reference.map}" is no array of one value, so it has no address`;
    throw new Fault("YM_VM_PROGRAM", problem);
  }
  return map.pointerAt(0, 0) + BigInt(reference.offset);
}
