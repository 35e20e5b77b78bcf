// A part of the test run that goes on beside the others, as a process of its own: what it prints is kept and printed in
// its turn, so that outputs do not mix.
import { spawn } from "node:child_process";
import { setPriority } from "node:os";
import { type Counts, NONE, ONE_FAILED, sum, tryParseCounts } from "./counts.ts";

/** A part under way. */
export interface Beside {
  readonly name: string;
  /** From its start to its end, or to now. */
  readonly seconds: () => number;
  /** What it has printed. */
  readonly output: () => string;
  /** Waits for its end, prints its output, and gives its counts: one failure more where its end contradicts them. */
  readonly finish: () => Promise<Counts>;
}

/**
 * Starts `command`, whose output ends with a line of counts. It dies with this process. `niceness`: how much it leaves
 * to others, as nice(2) takes it.
 */
export function startBeside(
  name: string,
  [program = "", ...commandArguments]: readonly string[],
  niceness = 0,
): Beside {
  const child = spawn(program, commandArguments, { stdio: ["ignore", "pipe", "pipe"] });
  if (niceness !== 0 && child.pid !== undefined) setPriority(child.pid, niceness);
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const started = performance.now();
  let ended: number | undefined;
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const end = new Promise<number | null>((done) => {
    child.on("error", (error) => {
      output += `\n × ${name}: starting "${program}": ${error.message}\n`;
      done(null);
    });
    child.on("close", (status) => {
      ended = performance.now();
      done(status);
    });
  });
  const finish = async (): Promise<Counts> => {
    const status = await end;
    process.removeListener("exit", kill);
    const counts = tryParseCounts(output);
    process.stdout.write(output.replace(/\d+ passed, \d+ failed, \d+ skipped\s*$/, ""));
    if (counts !== undefined && (status === 0) === (counts.failed === 0)) return counts;
    console.log(` × ${name}: it ended with status ${status}${counts === undefined ? " before its counts" : ""}`);
    return sum([counts ?? NONE, ONE_FAILED]);
  };
  const seconds = (): number => ((ended ?? performance.now()) - started) / 1000;
  return { name, seconds, output: () => output, finish };
}
