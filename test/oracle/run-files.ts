// Runs files one after another against balancers of one make, each in a network of its own where it asks for one, and
// says after each what became of it.
import { setImmediate } from "node:timers/promises";
import type { Disagreement } from "./agreement.ts";
import { knownDifferences } from "./known-differences.ts";
import { abilitiesFor, type Ability, type Content, readContent, UnreadableFile } from "./load-files.ts";
import type { LiveNetwork, Network } from "./network.ts";
import { playScenario } from "./play-scenario.ts";
import { playVector } from "./play-vector.ts";
import type { Replay } from "./replay.ts";
import { NotBuilt, type SubjectFactory } from "./subject.ts";

/** What became of a file. */
export type FileOutcome =
  | { readonly kind: "replayed"; readonly file: string; readonly replay: Replay }
  | { readonly kind: "error"; readonly file: string; readonly error: unknown }
  /** It differs where that is listed, and nowhere else. */
  | { readonly kind: "listed"; readonly file: string; readonly text: string }
  | { readonly kind: "unsupported"; readonly file: string; readonly reason: string }
  | { readonly kind: "index"; readonly file: string; readonly rows: number };

export interface RunOptions {
  readonly create: SubjectFactory;
  /** What these balancers can do. */
  readonly abilities: ReadonlySet<Ability>;
  /** Makes a director's network and changes it by commands. */
  readonly createNetwork: (commands: readonly string[]) => LiveNetwork;
  readonly signal?: AbortSignal;
}

/** Yields an outcome for each file, in order; stops when the signal says so. All networks are gone at the end. */
export async function* runFiles(files: readonly string[], options: RunOptions): AsyncGenerator<FileOutcome> {
  using common = options.createNetwork([]);
  for (const file of files) {
    yield runFile(file, common, options);
    // A replay runs without a pause: here signals get their turn.
    await setImmediate();
    if (options.signal?.aborted === true) return;
  }
}

function runFile(file: string, common: Network, options: RunOptions): FileOutcome {
  try {
    const content = readContent(file);
    if (content.kind === "index") return { kind: "index", file, rows: content.rows };
    const lacking = [...abilitiesFor(content)].filter((ability) => !options.abilities.has(ability));
    if (lacking.length > 0) return { kind: "unsupported", file, reason: lacking.join(", ") };
    return replayFile(file, content, common, options);
  } catch (error) {
    return { kind: "error", file, error };
  }
}

/** Replays it; where all in which it differs is listed, says that. */
function replayFile(
  file: string,
  content: Exclude<Content, { readonly kind: "index" }>,
  common: Network,
  options: RunOptions,
): FileOutcome {
  const known = content.kind === "vector" ? knownDifferences[content.vector.name ?? ""] : undefined;
  const isListed = (place: string): boolean => known?.places.includes(place) === true;
  const listed = { kind: "listed", file, text: known?.text ?? "" } as const;
  try {
    const replay = play(content, common, options);
    const { disagreements } = replay;
    const areListed = disagreements.length > 0 && disagreements.every(({ place }) => isListed(place));
    return areListed ? listed : { kind: "replayed", file, replay };
  } catch (error) {
    if (error instanceof NotBuilt && isListed("set-up")) return listed;
    throw error;
  }
}

function play(
  content: Exclude<Content, { readonly kind: "index" }>,
  common: Network,
  { create, createNetwork }: RunOptions,
): Replay {
  if (content.kind === "scenario") return playScenario(content.scenario, create, common);
  const { commands = [] } = content.vector;
  if (commands.length === 0) return playVector(content.vector, create, common);
  using own = createNetwork(commands);
  return playVector(content.vector, create, own);
}

/** The first disagreement of a replay, if any. */
export function firstDisagreement(outcome: FileOutcome): Disagreement | undefined {
  return outcome.kind === "replayed" ? outcome.replay.disagreements[0] : undefined;
}

/** What a run adds up to. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly unsupported: number;
  readonly listed: number;
  /** 0 when all that could be replayed agrees, 1 when something does not, 2 when a file could not be read. */
  readonly exitStatus: 0 | 1 | 2;
}

export function tallyOf(outcomes: readonly FileOutcome[]): Tally {
  const has = (kind: FileOutcome["kind"]): readonly FileOutcome[] =>
    outcomes.filter((outcome) => outcome.kind === kind);
  const replayed = has("replayed");
  const disagreeing = replayed.filter((outcome) => firstDisagreement(outcome) !== undefined);
  const errors = has("error");
  const failed = disagreeing.length + errors.length;
  const isUnreadable = errors.some((outcome) => outcome.kind === "error" && outcome.error instanceof UnreadableFile);
  return {
    passed: replayed.length - disagreeing.length,
    failed,
    unsupported: has("unsupported").length,
    listed: has("listed").length,
    exitStatus: isUnreadable ? 2 : failed > 0 ? 1 : 0,
  };
}
