// Reading the verifier's log: what went wrong, and at which instruction (kernel/bpf/log.c, verifier.c).

/** What the log says in short. */
export interface VerifierFinding {
  /** The kernel's own words; several lines are joined by "; ". */
  readonly reason: string;
  /** The 8-byte slot that the verifier stood at; undefined where the log names none. */
  readonly slot: number | undefined;
}

/** `12: (61) r0 = *(u32 *)(r2 +30)`, with registers behind a semicolon at times. */
const INSTRUCTION = /^(\d+): \([0-9a-f]{2}\) /u;
/** Beginnings of lines that say nothing about the fault. */
const NOISE = new RegExp(
  `^(?:${[
    // Statistics at the end.
    "processed \\d+ insns|verification time|stack depth|max_states_per_insn|peak_states|total_states",
    // Global functions that were found good.
    "Func#\\d+ .*(?:assumed valid|is safe for any args)",
    // The walk: source lines, instructions, register states, branches, function boundaries.
    ";|\\d+: |from \\d+ to \\d+|func#\\d+ @|(?:caller|callee|frame\\d+):|parent |mark_precise|last_idx|regs=",
  ].join("|")})`,
  "u",
);
/** Where the walk through a global function begins; what is wrong with its types is found before its first step. */
const GLOBAL_FUNCTION = /^Validating \S+\(\) func#\d+/u;
/** Faults found before any instruction is walked name it in their text. */
const NAMED = /\binsn (?:idx )?#?(\d+)/u;
/** Reasons longer than this are cut to their last lines; the log has the rest. */
const MAX_REASON_LINES = 4;

/** The finding of a verifier log. The reason is empty when the log is. */
export function readVerifierLog(log: string): VerifierFinding {
  const lines = log
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const last = lines.findLastIndex((line) => INSTRUCTION.test(line) || GLOBAL_FUNCTION.test(line));
  const isInFunction = INSTRUCTION.test(lines[last] ?? "");
  const after = lines.slice(isInFunction ? last + 1 : Math.max(last, 0)).filter((line) => !NOISE.test(line));
  const useful = after.length > 0 ? after : lines.filter((line) => !NOISE.test(line)).slice(-1);
  const reason = useful.slice(-MAX_REASON_LINES).join("; ");
  const slot = INSTRUCTION.exec(lines[last] ?? "")?.[1] ?? NAMED.exec(reason)?.[1];
  return { reason, slot: slot === undefined ? undefined : Number(slot) };
}
