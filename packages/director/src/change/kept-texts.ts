// Long texts beside a state file, each in a file of its own that is named by what it says: a state that is written anew
// for each change of a weight need not hold a configuration of some megabytes each time.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { access, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeWhole } from "./write-whole.ts";

/** UTF-16 units from which on a text is a long one. */
const LONG = 16 * 1024;
/** The largest configuration is less. */
const LARGEST_BYTES = 64 * 1024 * 1024;
const namePattern = /^text-[0-9a-f]{64}$/;
/** Those, and what is left of one that was not written to its end. */
const ownPattern = /^text-[0-9a-f]{64}(?:\.next)?$/;

/** A text as a state has it: itself, or the name of its file. */
export type KeptText = string | { readonly file: string };

export const keptText = z.union([z.string(), z.object({ file: z.string().regex(namePattern) })]);

/** The long texts of one directory. */
export class KeptTexts {
  readonly #directory: string;
  /** Names of those that were written, by what they say. */
  #names: ReadonlyMap<string, string> = new Map();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Sees to it that these texts are there, and gives what a state says of each. */
  async keep(texts: readonly string[]): Promise<readonly KeptText[]> {
    const names = new Map<string, string>();
    for (const text of texts) {
      if (text.length < LONG || names.has(text)) continue;
      const name = this.#names.get(text) ?? nameOf(text);
      names.set(text, name);
      const path = join(this.#directory, name);
      if (!(await isThere(path))) await writeWhole(path, text);
    }
    this.#names = names;
    return texts.map((text) => {
      const file = names.get(text);
      return file === undefined ? text : { file };
    });
  }

  /** Removes the files of all texts but those that were kept last. */
  async prune(): Promise<void> {
    const names = new Set(this.#names.values());
    for (const name of readdirSync(this.#directory)) {
      if (ownPattern.test(name) && !names.has(name)) await rm(join(this.#directory, name), { force: true });
    }
  }

  /** What a state says there. Throws where the file is not there, or says something else. */
  read(text: KeptText): string {
    if (typeof text === "string") return text;
    const path = join(this.#directory, text.file);
    if (statSync(path).size > LARGEST_BYTES) throw new Error(`${text.file} is larger than a text can be`);
    const content = readFileSync(path, "utf8");
    if (nameOf(content) !== text.file) throw new Error(`${text.file} is damaged`);
    return content;
  }
}

function nameOf(text: string): string {
  return `text-${createHash("sha256").update(text).digest("hex")}`;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
