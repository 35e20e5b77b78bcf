// Runs one program: fetches steps by slot, keeps frames, counts instructions against a limit, and turns
// a fault into an error that names the instruction and the line it came from.

import { type Instruction, slotsOf } from "../asm/index.ts";
import type { Step } from "./access.ts";
import { createRegion, type Memory } from "./memory.ts";
import { Registers } from "./registers.ts";
import { Fault, MemoryFault, ProgramFault } from "./vm-error.ts";

/** MAX_BPF_STACK (include/linux/filter.h). */
const STACK_SIZE = 512;
/** MAX_CALL_FRAMES (include/linux/bpf_verifier.h). */
const MAX_FRAMES = 8;
const FRAME_POINTER = 10;
const CALLEE_SAVED = [6, 7, 8, 9, FRAME_POINTER] as const;
/** What a caller finds in r1–r5 after a call: nothing it should use. */
const POISON = 0x5e5e_5e5e;

interface Frame {
  /** Upper half of pointers into this frame's stack. */
  readonly high: number;
  readonly stack: Buffer;
  readonly saved: Int32Array;
  returnSlot: number;
}

/** Registers, stack and position of one program. */
export class Machine {
  readonly registers = new Registers();
  readonly memory: Memory;
  readonly #program: string;
  readonly #instructions: (Instruction | undefined)[];
  readonly #limit: number;
  readonly #frames: Frame[] = [];
  #steps: readonly (Step | undefined)[] = [];
  /** Frames in use. */
  #depth = 0;
  #slot = 0;
  /** Instructions executed in this run. */
  executed = 0;

  constructor(memory: Memory, program: string, instructions: readonly Instruction[], instructionLimit: number) {
    this.memory = memory;
    this.#program = program;
    this.#limit = instructionLimit;
    this.#instructions = instructions.flatMap((instruction) =>
      slotsOf(instruction) === 2 ? [instruction, undefined] : [instruction],
    );
  }

  /** Gives each instruction its step. A fault while doing so names the instruction, too. */
  translate(toStep: (instruction: Instruction, slot: number) => Step): void {
    this.#steps = this.#instructions.map((instruction, slot) => {
      if (instruction === undefined) return undefined;
      try {
        return toStep(instruction, slot);
      } catch (error) {
        throw this.#located(error, "load", slot);
      }
    });
  }

  /** Runs from the first instruction with r1 = `context`; gives r0. */
  start(context: bigint): bigint {
    this.executed = 0;
    this.#depth = 0;
    return this.call(0, [context]);
  }

  /** Runs the function at `slot` to its end and gives r0; the caller's registers stay as they were. */
  call(slot: number, args: readonly bigint[]): bigint {
    const resume = this.#slot;
    const base = this.#depth;
    this.#enter(resume);
    args.forEach((arg, index) => {
      this.registers.set64(index + 1, arg);
    });
    this.#slot = slot;
    this.#run(base);
    this.#slot = resume;
    return this.registers.get64(0);
  }

  /** Goes on at slot `target`. */
  jump(target: number): void {
    this.#slot = target;
  }

  /** A call inside the program: as `call`, but returns at its exit instruction. */
  callLocal(target: number): void {
    this.#enter(this.#slot);
    this.#slot = target;
  }

  /** The exit instruction: back to the caller, or out. */
  exit(): void {
    const frame = this.#frames[--this.#depth] as Frame;
    CALLEE_SAVED.forEach((register, index) => {
      const low = frame.saved[index * 2] as number;
      this.registers.set(register, low, frame.saved[index * 2 + 1] as number);
    });
    this.#slot = frame.returnSlot;
    this.poisonArguments();
  }

  /** Ends the whole run with r0 = 0, as a legacy packet load beyond the packet does. */
  abort(): void {
    this.registers.set(0, 0, 0);
    this.#depth = 0;
  }

  /** Makes r1–r5 useless, as the verifier holds them to be after a call. */
  poisonArguments(): void {
    for (let register = 1; register <= 5; register++) this.registers.set(register, POISON, POISON);
  }

  /** Gives the stack back to the host's memory. */
  close(): void {
    for (const frame of this.#frames.splice(0)) this.memory.remove(frame.high);
  }

  #run(base: number): void {
    let slot = this.#slot;
    try {
      while (this.#depth > base) {
        slot = this.#slot;
        const step = this.#steps[slot];
        if (step === undefined) throw new Fault("YM_VM_PROGRAM", "no instruction there");
        if (++this.executed > this.#limit) {
          throw new Fault("YM_VM_LIMIT", `stopped after ${this.#limit} instructions`);
        }
        this.#slot = slot + 1;
        step();
      }
    } catch (error) {
      throw this.#located(error, "run", slot);
    }
  }

  #enter(returnSlot: number): void {
    if (this.#depth === MAX_FRAMES) {
      throw new Fault("YM_VM_PROGRAM", `call: more than ${MAX_FRAMES} frames`);
    }
    const frame = (this.#frames[this.#depth] ??= this.#createFrame());
    this.#depth += 1;
    frame.returnSlot = returnSlot;
    frame.stack.fill(0);
    CALLEE_SAVED.forEach((register, index) => {
      frame.saved[index * 2] = this.registers.low(register);
      frame.saved[index * 2 + 1] = this.registers.high(register);
    });
    this.registers.set(FRAME_POINTER, STACK_SIZE, frame.high);
  }

  #createFrame(): Frame {
    const stack = Buffer.alloc(STACK_SIZE);
    const high = this.memory.add(createRegion("stack", stack));
    return { high, stack, saved: new Int32Array(CALLEE_SAVED.length * 2), returnSlot: 0 };
  }

  #located(error: unknown, doing: "load" | "run", slot: number): unknown {
    if (!(error instanceof Fault)) return error;
    const Located = error.code === "YM_VM_MEMORY" ? MemoryFault : ProgramFault;
    const instruction = this.#instructions[slot];
    return new Located(error, { doing, program: this.#program, slot, instruction });
  }
}
