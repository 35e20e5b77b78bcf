// Brings a real server up and down: changes are written down before they are made, and taken back in the opposite
// order. Doing either twice is the same as doing it once.
import { type Change, isInPlace, make, sameChange, takeBack } from "./changes.ts";
import { type OptionTexts, readOptions } from "./options.ts";
import { planChanges } from "./plan.ts";
import { StateFile } from "./state.ts";

/** What became of the machine. */
export interface UpReport {
  /** Changes that stand now and that `down` will take back. */
  readonly changes: readonly Change[];
  /** What was wanted and found already. */
  readonly found: readonly Change[];
  /** What could not be taken back because others had changed it. */
  readonly notes: readonly string[];
}

/**
 * Makes this machine a real server as the texts say, in the place of what an earlier `up` made of it. Throws a
 * RealServerError for what is wrong with the texts or the machine; what had been done until then is in the state file,
 * for `down` or the next `up`.
 */
export function up(texts: OptionTexts, stateDirectory: string): UpReport {
  const options = readOptions(texts);
  const file = new StateFile(stateDirectory);
  const earlier = file.read()?.changes ?? [];
  const wanted = planChanges(options, earlier);
  const notes: string[] = [];

  const obsolete = earlier.filter((change) => !wanted.some((other) => sameChange(change, other)));
  let standing = earlier;
  for (const change of obsolete.toReversed()) {
    const note = takeBack(change);
    if (note !== undefined) notes.push(note);
    standing = standing.filter((other) => other !== change);
    file.write({ options: texts, changes: standing });
  }

  const found: Change[] = [];
  for (const change of wanted) {
    const isOurs = standing.some((other) => sameChange(change, other));
    if (isInPlace(change)) {
      if (!isOurs) found.push(change);
      continue;
    }
    if (!isOurs) standing = [...standing, change];
    file.write({ options: texts, changes: standing });
    make(change);
  }
  file.write({ options: texts, changes: standing });
  return { changes: standing, found, notes };
}

/** What `down` did. */
export interface DownReport {
  readonly takenBack: readonly Change[];
  readonly notes: readonly string[];
}

/** Takes back what `up` changed. Where nothing was, nothing happens. */
export function down(stateDirectory: string): DownReport {
  const file = new StateFile(stateDirectory);
  const state = file.read();
  const notes: string[] = [];
  const takenBack: Change[] = [];
  let standing = state?.changes ?? [];
  for (const change of standing.toReversed()) {
    const note = takeBack(change);
    if (note === undefined) takenBack.push(change);
    else notes.push(note);
    standing = standing.filter((other) => other !== change);
    if (state !== undefined) file.write({ options: state.options, changes: standing });
  }
  file.remove();
  return { takenBack, notes };
}
