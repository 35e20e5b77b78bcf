// How a program ends: what becomes of the packet, and why. Every reason is counted in one place per
// kind of verdict, so that a guard costs its comparison and nothing else.

import type { SourcePosition } from "../asm/index.ts";
import { type Block, type Constant, constant, type VirtualRegister } from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { builder, type FunctionBuilder } from "./builder.ts";
import { callerPosition, withPosition } from "./position.ts";
import { Int, operandOf } from "./scalar.ts";

/** Why a packet left the road. The code is what the counting callback gets. */
export interface Reason {
  readonly name: string;
  /** From 0. */
  readonly code: number;
}

/** What a program body returns. Only the functions below make one. */
export type Verdict =
  | {
      readonly action: Action;
      readonly reason?: Reason | Int<"u32"> | undefined;
      readonly source?: SourcePosition | undefined;
    }
  | { readonly action: "value"; readonly value: Int; readonly source?: SourcePosition | undefined };
export type Action = "pass" | "drop" | "tx";

/** Hands the packet to the network stack. A reason found by the program is given by its code. */
export function pass(reason?: Reason | Int<"u32">): Verdict {
  return { action: "pass", reason, source: callerPosition() };
}
/** Drops the packet; a reason is a must. */
export function drop(reason: Reason | Int<"u32">): Verdict {
  return { action: "drop", reason, source: callerPosition() };
}
/** Sends the packet out of the interface it came in on. */
export function tx(): Verdict {
  return { action: "tx", source: callerPosition() };
}
/** A verdict computed by the program, such as what a redirect helper returned. */
export function verdict(value: Int): Verdict {
  return { action: "value", value, source: callerPosition() };
}

/** The numbers that a program type gives to verdicts; undefined: it has no such verdict. */
export type VerdictCodes = Readonly<Record<Action, number | undefined>>;
/** enum xdp_action, include/uapi/linux/bpf.h. */
export const XDP_VERDICTS: VerdictCodes = { pass: 2, drop: 1, tx: 3 };
/**
 * TC_ACT_UNSPEC and TC_ACT_SHOT, include/uapi/linux/pkt_cls.h; TCX_NEXT and TCX_DROP are the same: whoever else looks
 * at packets there gets what is passed. Sending is a redirect: `packet.sendBack()`.
 */
export const TC_VERDICTS: VerdictCodes = { pass: -1, drop: 2, tx: undefined };

/** The ways out of one function, shared by all its guards. */
export class Exits {
  readonly #build: FunctionBuilder;
  readonly #codes: VerdictCodes;
  readonly #count: ((reason: Int<"u32">) => void) | undefined;
  readonly #blocks = new Map<string, Block>();
  #isCounting = false;
  readonly #counted = new Map<Action, { block: Block; reason: VirtualRegister }>();

  constructor(build: FunctionBuilder, codes: VerdictCodes, count?: (reason: Int<"u32">) => void) {
    this.#build = build;
    this.#codes = codes;
    this.#count = count;
  }

  /** Ends the current block with `end`. */
  leave(end: Verdict): void {
    if (end.action === "value") {
      this.#build.end({ kind: "exit", value: operandOf(end.value, 64) });
      return;
    }
    const { action, reason } = end;
    if (this.#isCounting && reason !== undefined) {
      const message = "a reason inside of what counts reasons would be counted there without end; leave without one";
      throw new BuildError("YM_BUILD_VERDICT", message, callerPosition());
    }
    if (reason === undefined || this.#count === undefined) {
      this.#build.end({ kind: "jump", target: this.#once(action, () => this.#exit(action)) });
    } else if (reason instanceof Int) {
      this.#countAs(action, operandOf(reason, 32));
    } else {
      const block = this.#once(`${action} ${reason.code}`, () => this.#countAs(action, constant(reason.code)));
      this.#build.end({ kind: "jump", target: block });
    }
  }

  #exit(action: Action): void {
    const code = this.#codes[action];
    if (code === undefined) {
      const message = `this kind of program has no verdict "${action}"; use packet.sendBack() or packet.sendTo(…)`;
      throw new BuildError("YM_BUILD_VERDICT", message, callerPosition());
    }
    this.#build.end({ kind: "exit", value: constant(code) });
  }

  /** The cold block of this name, written by `write` when it is first asked for. */
  #once(name: string, write: () => void): Block {
    const known = this.#blocks.get(name);
    if (known !== undefined) return known;
    const block = this.#build.block({ isCold: true });
    this.#blocks.set(name, block);
    const before = this.#build.current;
    this.#build.enter(block);
    write();
    this.#build.enter(before);
    return block;
  }

  /** Goes to where packets with this verdict are counted. */
  #countAs(action: Action, code: VirtualRegister | Constant): void {
    let counted = this.#counted.get(action);
    if (counted === undefined) {
      counted = { block: this.#build.block({ isCold: true }), reason: this.#build.register() };
      this.#counted.set(action, counted);
    }
    this.#build.emit({ kind: "move", target: counted.reason, from: code, width: 64 });
    this.#build.end({ kind: "jump", target: counted.block });
  }

  /** Writes the shared ends. Called once, when the body is complete. */
  finish(): void {
    this.#isCounting = true;
    for (const [action, { block, reason }] of this.#counted) {
      this.#build.enter(block);
      this.#count?.(new Int("u32", reason));
      withPosition(this.#build.fn.source, () => this.#exit(action));
    }
  }
}

const exitsOf = new WeakMap<FunctionBuilder, Exits>();

/** Gives a function its ways out; functions without (those that programs call) only return values. */
export function setExits(build: FunctionBuilder, exits: Exits): void {
  exitsOf.set(build, exits);
}

/** Ends the current block with a verdict. */
export function leaveWith(end: Verdict): void {
  const exits = exitsOf.get(builder());
  if (exits === undefined) {
    throw new BuildError(
      "YM_BUILD_VERDICT",
      `function "${builder().fn.name}" is called by a program and has no verdict of its own; use orReturn(value)`,
      callerPosition(),
    );
  }
  withPosition(end.source, () => exits.leave(end));
}
