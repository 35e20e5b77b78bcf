// The command behind `npm run oracle`: arguments in, report out, exit status back. main.ts gives it Yardmaster's
// balancer, tests another.
import { parseArgs } from "node:util";
import { listFiles, UnreadableFile } from "./load-files.ts";
import { outcomeText, tallyText } from "./report.ts";
import { type FileOutcome, runFiles, type RunOptions, tallyOf } from "./run-files.ts";

export const USAGE = `usage: npm run oracle -- FILE...
  Replays what a kernel's IPVS did: scenarios and packet vectors, files or folders of them (every .json below).
  Exit status: 0 all agree, 1 something disagrees, 2 wrong usage or a file that cannot be read.
`;

/** Status of a run that a signal ended, as shells have it for Ctrl-C: 128 + SIGINT. */
const INTERRUPTED = 130;

export interface OracleOptions extends RunOptions {
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
}

/** Replays the files that the arguments name. Returns the exit status. */
export async function oracle(args: readonly string[], options: OracleOptions): Promise<number> {
  const files = filesOf(args, options);
  if (files === undefined) return 2;
  const outcomes: FileOutcome[] = [];
  for await (const outcome of runFiles(files, options)) {
    outcomes.push(outcome);
    options.write(`${outcomeText(outcome)}\n`);
  }
  const tally = tallyOf(outcomes);
  options.write(`${tallyText(tally)}\n`);
  if (outcomes.length === files.length) return tally.exitStatus;
  options.writeError(`stopped after ${outcomes.length} of ${files.length} files\n`);
  return INTERRUPTED;
}

/** The files to replay; undefined, and a word about it, when the arguments name none. */
function filesOf(args: readonly string[], { writeError }: OracleOptions): readonly string[] | undefined {
  try {
    const { positionals } = parseArgs({ args: [...args], allowPositionals: true, options: {} });
    if (positionals.length > 0) return listFiles(positionals);
    writeError(USAGE);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    writeError(error instanceof UnreadableFile ? `${error.message}\n` : `${error.message}\n${USAGE}`);
  }
  return undefined;
}
