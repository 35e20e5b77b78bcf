// A file that is written whole or not at all, and on the disk when the promise is kept, without anything else waiting
// for the disk meanwhile.

import { open, rename, rm } from "node:fs/promises";

/** Puts a text in the place of a file's, of mode 0640 (before the umask). Whatever fails, the file is as before. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const next = `${path}.next`;
  try {
    await writeThrough(next, text);
    await rename(next, path);
  } catch (error) {
    await removeQuietly(next);
    throw error;
  }
}

async function writeThrough(path: string, text: string): Promise<void> {
  await using file = await open(path, "w", 0o640);
  await file.writeFile(text);
  await file.sync();
}

/** What is left of a file that could not be written; where that cannot be removed either, it does no harm. */
async function removeQuietly(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch {
    // As where there is a file in the place of the directory.
  }
}
