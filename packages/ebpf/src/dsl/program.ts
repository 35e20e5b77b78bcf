// Programs. A definition holds the body; building runs it once and leaves the intermediate form, which `compile` turns
// into a specification. What programs call is in function.ts.

import type { VirtualRegister } from "../ir/operation.ts";
import type { AttachType, MapSpec, ProgramType } from "../spec.ts";
import { FunctionBuilder, type ProgramContext, withBuilder } from "./builder.ts";
import { endAll } from "./function.ts";
import { assertName } from "./name.ts";
import { Packet } from "./packet.ts";
import { callerPosition, withPosition } from "./position.ts";
import type { Int } from "./scalar.ts";
import { TcPacket } from "./tc-packet.ts";
import { Exits, setExits, TC_VERDICTS, type Verdict, type VerdictCodes, XDP_VERDICTS } from "./verdict.ts";

/** A program as written, not yet compiled. */
export interface ProgramDefinition {
  readonly name: string;
  readonly type: ProgramType;
  readonly attachType?: AttachType;
  /** Runs the body; each call gives an equal result. */
  build(): ProgramContext;
}

export interface ProgramOptions {
  /** Runs where a packet leaves with a reason; emitted once for each kind of verdict in each function with verdicts. */
  readonly count?: (reason: Int<"u32">) => void;
}

/** An XDP program. `body` returns what becomes of the packet. */
export function xdp(name: string, body: (packet: Packet) => Verdict, options: ProgramOptions = {}): ProgramDefinition {
  const open = (context: VirtualRegister) => new Packet(context);
  return defineProgram(name, { type: "xdp", codes: XDP_VERDICTS, open }, body, options);
}

/** A tc program, for the ingress of an interface (sched_cls). `body` returns what becomes of the packet. */
export function tc(name: string, body: (packet: TcPacket) => Verdict, options: ProgramOptions = {}): ProgramDefinition {
  const open = (context: VirtualRegister) => new TcPacket(context);
  return defineProgram(name, { type: "sched_cls", codes: TC_VERDICTS, open }, body, options);
}

/** A kind of program: the numbers of its verdicts, and what its body gets, made from the context in r1. */
export interface ProgramKind<C> {
  readonly type: ProgramType;
  readonly attachType?: AttachType;
  readonly codes: VerdictCodes;
  readonly open: (context: VirtualRegister) => C;
}

/** For the library: a program of any kind. `body` returns what becomes of what it looked at. */
export function defineProgram<C>(
  name: string,
  { type, attachType, codes, open }: ProgramKind<C>,
  body: (opened: C) => Verdict,
  options: ProgramOptions = {},
): ProgramDefinition {
  assertName(name);
  const source = callerPosition();
  return {
    name,
    type,
    ...(attachType !== undefined && { attachType }),
    build() {
      const program: ProgramContext = {
        type,
        functions: [],
        maps: new Map<string, MapSpec>(),
        verdicts: codes,
        count: options.count,
        movesBounds: new Set(),
      };
      const main = new FunctionBuilder(program, { name, parameterCount: 1, returns: "u32", source });
      program.functions.push(main.fn);
      withBuilder(main, () => {
        const exits = new Exits(main, program.verdicts, program.count);
        setExits(main, exits);
        const context = main.fn.parameters[0];
        if (context === undefined) throw new Error("a program has a context");
        const verdict = body(withPosition(source, () => open(context)));
        if (!main.isEnded) withPosition(verdict.source ?? source, () => exits.leave(verdict));
        exits.finish();
        endAll(main);
      });
      return program;
    },
  };
}
