// The configuration as it is written, under the changes that are made to it one by one: the text that a person would
// have to write for what runs, with the comments that stood there.

import { isMap, isSeq, parseDocument } from "yaml";
import { readPlain } from "../config/read-plain.ts";
import type { SourceNode } from "../config/source.ts";
import { DirectorError } from "../errors.ts";

/** A place in the file: keys of maps and indexes of lists. */
export type Place = readonly (string | number)[];

/** A change of the text. */
export type Edit =
  | { readonly do: "set"; readonly place: Place; readonly value: unknown }
  /** To the end of a list. */
  | { readonly do: "append"; readonly place: Place; readonly value: unknown }
  | { readonly do: "delete"; readonly place: Place };

/** More edits than these are written out before the next. */
const MOST_EDITS = 1000;

/** A text, and edits that are put into it when somebody asks for it. */
export class Written {
  #text: string;
  #edits: readonly Edit[];

  constructor(text: string, edits: readonly Edit[] = []) {
    this.#text = text;
    this.#edits = edits;
  }

  /** With these changes. */
  with(...edits: readonly Edit[]): Written {
    if (this.#edits.length > MOST_EDITS) void this.text;
    return new Written(this.#text, [...this.#edits, ...edits]);
  }

  /** As it can be kept and made again, without writing a long text anew for each change. */
  get parts(): { readonly text: string; readonly edits: readonly Edit[] } {
    return { text: this.#text, edits: this.#edits };
  }

  /** YAML, or JSON where that was written and nothing changed since. */
  get text(): string {
    if (this.#edits.length === 0) return this.#text;
    const replaced = withNumbers(this.#text, this.#edits);
    if (replaced !== undefined) {
      this.#text = replaced;
      this.#edits = [];
      return replaced;
    }
    const document = parseDocument(this.#text);
    for (const edit of this.#edits) make(document, edit);
    this.#text = document.toString({ lineWidth: 120 });
    this.#edits = [];
    return this.#text;
  }

  /** What the text says, as plain data. */
  toData(): unknown {
    return parseDocument(this.text).toJS({ maxAliasCount: -1 });
  }
}

/**
 * The text with other numbers in the place of those that stand there, as weights are changed, and all else as it was
 * written; undefined: the edits or the text are not that plain. Without a document of a hundred thousand servers, which
 * takes seconds.
 */
function withNumbers(text: string, edits: readonly Edit[]): string | undefined {
  const isPlain = edits.every((edit) => edit.do === "set" && Number.isInteger(edit.value));
  const root = isPlain ? readPlain(text) : undefined;
  if (root === undefined) return undefined;
  const numbers = new Map<number, { readonly before: string; readonly after: string }>();
  for (const edit of edits) {
    let node: SourceNode | undefined = root;
    for (const step of edit.place) node = node?.children.get(step)?.node;
    if (edit.do !== "set" || node === undefined) return undefined;
    const { value, offset } = node;
    const before = String(value);
    if (typeof value !== "number" || !text.startsWith(before, offset)) return undefined;
    numbers.set(offset, { before, after: String(edit.value) });
  }
  let end = 0;
  const parts: string[] = [];
  for (const [offset, { before, after }] of [...numbers].toSorted(([a], [b]) => a - b)) {
    parts.push(text.slice(end, offset), after);
    end = offset + before.length;
  }
  return [...parts, text.slice(end)].join("");
}

function make(document: ReturnType<typeof parseDocument>, edit: Edit): void {
  const owner = document.getIn(edit.place.slice(0, -1), true);
  if (!isMap(owner) && !isSeq(owner)) throw unreachable(edit.place);
  if (edit.do === "delete") document.deleteIn(edit.place);
  else if (edit.do === "set") document.setIn(edit.place, document.createNode(edit.value));
  else {
    const list = document.getIn(edit.place, true);
    if (!isSeq(list)) throw unreachable(edit.place);
    list.add(document.createNode(edit.value));
  }
}

/** As where it is an alias of something that is written elsewhere. */
function unreachable(place: Place): DirectorError {
  return new DirectorError("YM_CHANGE_PLACE", `changing ${place.join(".")}: the file does not have it written there`, {
    hint: "change the file itself, and apply it",
  });
}
