// A file that is on the disk when the promise is kept, without anything else waiting for the disk meanwhile.

import { open } from "node:fs/promises";

/** Writes a file of mode 0640 (before the umask). */
export async function writeWhole(path: string, text: string): Promise<void> {
  await using file = await open(path, "w", 0o640);
  await file.writeFile(text);
  await file.sync();
}
