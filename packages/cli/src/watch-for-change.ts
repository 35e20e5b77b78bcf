// Whether a file has another content, however that comes about: written anew in its place, replaced by a rename, or
// behind a symbolic link that leads elsewhere now (as Kubernetes exchanges a ConfigMap). Looking at it from time to
// time finds all of them, on every file system.
import { type Stats, statSync } from "node:fs";

/** How often it is looked at. */
const LOOK_MS = 250;

/**
 * Calls `onChange` once for each change of a file, as soon as it has stayed as it is between two looks: who writes it
 * may not have come to the end, and half of a configuration may well make sense. Returns what ends that.
 */
export function watchForChange(file: string, onChange: () => void): () => void {
  let told = stateOf(file);
  let last = told;
  const timer = setInterval(() => {
    const now = stateOf(file);
    const isSettled = now === last;
    last = now;
    // A file that is gone for a moment is being replaced.
    if (!isSettled || now === told || now === undefined) return;
    told = now;
    onChange();
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** What is other when the content is; undefined where there is no such file. */
function stateOf(file: string): string | undefined {
  let stats: Stats;
  try {
    stats = statSync(file);
  } catch {
    return undefined;
  }
  return `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeMs}`;
}
