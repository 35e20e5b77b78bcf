// The configuration as it is written, under the changes that are made to it one by one: the text that a person would
// have to write for what runs, with the comments that stood there.

import { isMap, isSeq, parseDocument } from "yaml";
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
