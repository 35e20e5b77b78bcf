// The comparison: the same programs on two hosts, and what to tell of one that behaves differently.

import { assemble, disassemble } from "../../src/asm/index.ts";
import type { BpfHost } from "../../src/spec.ts";
import { Arena, differences } from "./arena.ts";
import { type GeneratedProgram, generateProgram } from "./generator.ts";
import type { InstructionSet } from "./scope.ts";
import { shrink } from "./shrink.ts";

export interface CompareOptions {
  /** Decides what is right, and which programs are valid. */
  readonly reference: BpfHost;
  readonly subject: BpfHost;
  /** The first program; the others have the seeds after it. */
  readonly firstSeed: number;
  readonly count: number;
  readonly instructionSet: InstructionSet;
}

/** A program that the two hosts do not agree on. */
export interface Disagreement {
  readonly seed: number;
  readonly shrunk: GeneratedProgram;
  /** A line each: fact, the reference's value, the subject's. Of the shrunk program. */
  readonly differences: readonly string[];
}

export interface Comparison {
  /** Programs that ran on both. */
  readonly compared: number;
  /** Seeds and reasons of programs that the reference refused to load. */
  readonly refused: readonly { readonly seed: number; readonly message: string }[];
  /** The first disagreement; the comparison stops at it. */
  readonly disagreement?: Disagreement;
}

/** Compares `count` programs, or fewer where one differs. */
export function compareHosts(options: CompareOptions): Comparison {
  const { firstSeed, count, instructionSet } = options;
  using reference = new Arena(options.reference);
  using subject = new Arena(options.subject);
  const differ = (program: GeneratedProgram): readonly string[] => {
    const wanted = reference.run(program);
    return wanted.kind === "refused" ? [] : differences(wanted, subject.run(program));
  };

  const refused: { seed: number; message: string }[] = [];
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const program = generateProgram(seed, instructionSet);
    const wanted = reference.run(program);
    if (wanted.kind === "refused") {
      refused.push({ seed, message: wanted.message });
      continue;
    }
    if (differences(wanted, subject.run(program)).length === 0) continue;
    const shrunk = shrink(program, (candidate) => differ(candidate).length > 0);
    const compared = seed - firstSeed + 1 - refused.length;
    return { compared, refused, disagreement: { seed, shrunk, differences: differ(shrunk) } };
  }
  return { compared: count - refused.length, refused };
}

/** A disagreement for people: what differs, the smallest program, how to see it again. */
export function describeDisagreement({ seed, shrunk, differences }: Disagreement): string {
  const program = disassemble(assemble(shrunk.items.map(({ item }) => item)));
  return [
    `seed ${seed}: the reference says, but the subject says:`,
    ...differences.map((line) => `  ${line}`),
    "the smallest program that shows it:",
    program,
    `see it again: npm run fuzz -- --seed ${seed} --count 1`,
  ].join("\n");
}
