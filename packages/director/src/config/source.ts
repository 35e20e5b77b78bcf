// A configuration file as written: its values as a tree in which every key and value knows its place, and the
// collector that turns "this path is wrong" into a fault with line and column.
import { type ConfigurationFault, quoteLine } from "./fault.ts";

/** One step per map key or list index. */
export type Path = readonly (string | number)[];

/** A value of the file; `children` holds the entries of a map or list. */
export interface SourceNode {
  readonly value: unknown;
  /** Where the value starts, in UTF-16 units from the start of the file. */
  readonly offset: number;
  /** Values below and including this one, aliases counted as if written out. */
  readonly size: number;
  readonly children: ReadonlyMap<string | number, SourceChild>;
}

/** An entry of a map or list: where its key starts (its value, in a list) and what it holds. */
export interface SourceChild {
  readonly keyOffset: number;
  readonly node: SourceNode;
}

/** What a check says about a place. */
export interface FaultText {
  readonly code: string;
  readonly message: string;
  /** What was read of this machine, where that tells. */
  readonly evidence?: string;
  readonly hint?: string;
}

/**
 * More faults than these are not kept: nobody reads them, and a hostile file could hold millions. Whatever else is odd
 * about a file, its errors are.
 */
const maximumFaults = { error: 10_000, warning: 1_000 } as const;

/** Collects the faults of one file. */
export class Source {
  readonly fileName: string;
  readonly text: string;
  readonly #lineStarts: readonly number[];
  #root: SourceNode | undefined;
  readonly #faults = new Map<string, ConfigurationFault>();
  readonly #counts = { error: 0, warning: 0 };

  constructor(text: string, fileName: string) {
    this.text = text;
    this.fileName = fileName;
    const lineStarts = [0];
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
    this.#lineStarts = lineStarts;
  }

  /** The tree that paths are looked up in; set once, by the reader. */
  set root(root: SourceNode) {
    this.#root = root;
  }

  /** All faults so far, in the order of the file. */
  get faults(): readonly ConfigurationFault[] {
    return [...this.#faults.values()].sort((a, b) => a.line - b.line || a.column - b.column);
  }

  /** Reports an error at an offset of the file. */
  errorAtOffset(offset: number, text: FaultText): void {
    this.#add("error", offset, text);
  }

  /** Reports an error at the value of a path, or at the nearest thing above it that was written. */
  errorAt(path: Path, text: FaultText): void {
    this.#add("error", this.#find(path).offset, text);
  }

  /** Reports an error at the key of a path. */
  errorAtKey(path: Path, text: FaultText): void {
    this.#add("error", this.#find(path).keyOffset, text);
  }

  /** Reports a warning at the value of a path. */
  warnAt(path: Path, text: FaultText): void {
    if (this.#counts.warning >= maximumFaults.warning) return;
    this.#add("warning", this.#find(path).offset, text);
  }

  /** The value at a path, or undefined. */
  valueAt(path: Path): unknown {
    let node = this.#root;
    for (const step of path) node = node?.children.get(step)?.node;
    return node?.value;
  }

  /** "line 12" of a path's value, for messages that name another place. */
  lineOf(path: Path): string {
    return this.lineOfOffset(this.#find(path).offset);
  }

  /** "line 12" of a path's key. */
  lineOfKey(path: Path): string {
    return this.lineOfOffset(this.#find(path).keyOffset);
  }

  /** "line 12" of an offset. */
  lineOfOffset(offset: number): string {
    return `line ${this.#position(offset).line}`;
  }

  #find(path: Path): { readonly keyOffset: number; readonly offset: number } {
    let node = this.#root;
    let found = { keyOffset: node?.offset ?? 0, offset: node?.offset ?? 0 };
    for (const step of path) {
      const child = node?.children.get(step);
      // A key that was not written is missing from what the last found key introduces.
      if (child === undefined) return { keyOffset: found.keyOffset, offset: found.keyOffset };
      found = { keyOffset: child.keyOffset, offset: child.node.offset };
      node = child.node;
    }
    return found;
  }

  #position(offset: number): { readonly line: number; readonly column: number; readonly lineStart: number } {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const lineStart = this.#lineStarts[low] ?? 0;
    return { line: low + 1, column: offset - lineStart + 1, lineStart };
  }

  #add(severity: "error" | "warning", offset: number, text: FaultText): void {
    if (this.#counts[severity] >= maximumFaults[severity]) return;
    const { line, column, lineStart } = this.#position(offset);
    const lineEnd = this.#lineStarts[line] ?? this.text.length + 1;
    const sourceLine = this.text.slice(lineStart, lineEnd - 1).replace(/\r$/, "");
    // Two uses of one anchor would say the same thing twice at one place.
    const key = `${offset} ${text.code} ${text.message}`;
    if (this.#faults.has(key)) return;
    this.#counts[severity] += 1;
    const quote = quoteLine(sourceLine, column);
    this.#faults.set(key, { severity, ...text, file: this.fileName, line, column, quote });
  }
}
