// The function under construction: every DSL operation appends to its current block. One builder is
// current at a time; staged values remember theirs, so that none is used in another program.

import type { MapSpec, ProgramType } from "../spec.ts";
import { formatPosition, type SourcePosition } from "../asm/index.ts";
import {
  type Block,
  type Constant,
  definition,
  type GlobalSignature,
  type IrFunction,
  type Operation,
  type StackSlot,
  type Terminator,
  type VirtualRegister,
} from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { callerPosition } from "./position.ts";
import type { Int, IntKind } from "./scalar.ts";
import type { VerdictCodes } from "./verdict.ts";

type WithoutSource<T> = T extends unknown ? Omit<T, "source"> : never;

/** What all functions of one program share. */
export interface ProgramContext {
  readonly type: ProgramType;
  readonly functions: IrFunction[];
  readonly maps: Map<string, MapSpec>;
  /** The numbers that it leaves with. */
  readonly verdicts: VerdictCodes;
  /** Runs where a packet leaves with a reason. */
  readonly count: ((reason: Int<"u32">) => void) | undefined;
  /** Names of functions that move the packet's bounds, or call one that does. */
  readonly movesBounds: Set<string>;
}

/** Build-time state that follows control flow. */
export interface BranchState {
  /**
   * Notes the state; the result puts it back, or says that the branch went on with another. `restoreMoved` is for where
   * branches meet of which one did.
   */
  save(): { readonly hasChanged: () => boolean; readonly restore: () => void; readonly restoreMoved: () => void };
}

/** A function before its body. */
export interface FunctionOutline {
  readonly name: string;
  readonly parameterCount: number;
  readonly returns: IntKind;
  /** Where it is defined: what the library adds at its start and end comes from there. */
  readonly source: SourcePosition | undefined;
  /** Only of global functions. */
  readonly signature?: GlobalSignature | undefined;
}

/** Appends operations to one function. */
export class FunctionBuilder {
  readonly fn: IrFunction;
  readonly program: ProgramContext;
  #current: Block;
  readonly #written = new Map<unknown, SourcePosition | undefined>();
  readonly #shared = new Map<string, StackSlot>();
  /** What must be as before when a branch has ended; see `nested` in control.ts. */
  readonly branchState: BranchState[] = [];
  /** How many branches and loops the current place is inside of. */
  depth = 0;

  /** What the function returns. */
  readonly returns: IntKind;

  constructor(program: ProgramContext, { name, parameterCount, returns, source, signature }: FunctionOutline) {
    const parameters: VirtualRegister[] = [];
    for (let id = 0; id < parameterCount; id++) parameters.push({ kind: "register", id });
    this.fn = { name, parameters, blocks: [], registers: parameterCount, slots: [], source, signature };
    this.program = program;
    this.returns = returns;
    this.#current = this.block();
  }

  register(): VirtualRegister {
    return { kind: "register", id: this.fn.registers++ };
  }

  /** A slot of `size` bytes in the function's frame; its content is undefined. */
  slot(size: number): StackSlot {
    const slot: StackSlot = { kind: "stack", id: this.fn.slots.length, size };
    this.fn.slots.push(slot);
    return slot;
  }

  /** A slot shared by all that name the same `use`: only one of them needs its content at a time. */
  sharedSlot(use: string, size: number): StackSlot {
    const slot = this.#shared.get(use) ?? this.slot(size);
    this.#shared.set(use, slot);
    slot.size = Math.max(slot.size, size);
    return slot;
  }

  /** A new block, not yet current. What a cold block starts stays cold. */
  block(options: { readonly isCold?: boolean } = {}): Block {
    const inherited = this.#current?.isCold ?? false;
    const block: Block = {
      id: this.fn.blocks.length,
      isCold: options.isCold ?? inherited,
      operations: [],
      terminator: undefined,
    };
    this.fn.blocks.push(block);
    return block;
  }

  get current(): Block {
    return this.#current;
  }

  get isEnded(): boolean {
    return this.#current.terminator !== undefined;
  }

  /** Goes on in `block`. */
  enter(block: Block): void {
    this.#current = block;
  }

  emit(operation: WithoutSource<Operation>): void {
    const source = callerPosition();
    if (this.isEnded)
      throw new BuildError("YM_BUILD_UNREACHABLE", "nothing can run here: every path above has ended", source);
    const positioned = { ...operation, source } as Operation;
    this.#current.operations.push(positioned);
    const target = definition(positioned);
    if (target !== undefined && !this.#written.has(target)) this.#written.set(target, source);
  }

  /** Ends the current block. A block that has ended already stays as it is. */
  end(terminator: WithoutSource<Terminator>): void {
    if (this.isEnded) return;
    this.#current.terminator = { ...terminator, source: callerPosition() } as Terminator;
  }

  /** Where `operand` was first written, for messages. */
  writtenAt(operand: VirtualRegister | Constant): SourcePosition | undefined {
    return this.#written.get(operand);
  }

  /** Notes that the program uses `map`; two different maps of one name are refused. */
  useMap(map: MapSpec): void {
    const known = this.program.maps.get(map.name);
    if (known !== undefined && known !== map) {
      throw new BuildError("YM_BUILD_NAME", `two different maps are called "${map.name}"`, callerPosition());
    }
    this.program.maps.set(map.name, map);
  }
}

let active: FunctionBuilder | undefined;

/** The builder that DSL calls append to. Throws outside a program body. */
export function builder(): FunctionBuilder {
  if (active === undefined) {
    throw new BuildError(
      "YM_BUILD_OUTSIDE",
      "staged values exist only while a program is being built; call this inside xdp(…) or fn(…)",
      callerPosition(),
    );
  }
  return active;
}

/** Makes `next` current while `body` runs. */
export function withBuilder<T>(next: FunctionBuilder, body: () => T): T {
  const before = active;
  active = next;
  try {
    return body();
  } finally {
    active = before;
  }
}

/** Throws unless `owner` is the function being built: values do not travel between functions. */
export function assertOwner(owner: FunctionBuilder, what: string, madeAt?: SourcePosition): void {
  if (builder() === owner) return;
  const where = madeAt === undefined ? "" : ` (made at ${formatPosition(madeAt)})`;
  throw new BuildError(
    "YM_BUILD_FOREIGN",
    `${what}${where} belongs to function "${owner.fn.name}", not to "${builder().fn.name}"; pass it as a parameter`,
    callerPosition(),
  );
}
