// The part of YAML that nearly every configuration file is written in, read fast: blocks of maps and lists by
// indentation, maps and lists in brackets on one line, words, whole numbers, texts in quotes without escapes, comments.
// Whatever else stands in a file, and whatever may be wrong with it, makes the reader give up: read-yaml.ts reads it
// then, and gives the same tree where both can (read-plain.test.ts).
import type { SourceChild, SourceNode } from "./source.ts";

const maximumDepth = 32;
const noChildren: ReadonlyMap<string | number, SourceChild> = new Map();

/** Characters that are no part of plain texts: they end lines, or are not allowed. */
// oxlint-disable-next-line no-control-regex
const unusual = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]/;

/** The tree of a text; undefined: it is not that plain. */
export function readPlain(text: string): SourceNode | undefined {
  if (unusual.test(text)) return undefined;
  return new PlainReader(text).read();
}

/** Characters of keys. A key that is no number but looks like nothing is fine; `null` would be no key. */
const keyPattern = /([A-Za-z_][A-Za-z0-9_-]*)(?=:(?: |\n|$))/y;
/** Up to what ends a plain scalar: of a block a comment or the line, within brackets also what brackets are made of. */
const blockScalar = /[A-Za-z0-9/][^\n#:]*(?::(?=[^ \n])[^\n#:]*)*/y;
const flowScalar = /[A-Za-z0-9/][^\n#:,[\]{}]*(?::(?=[^ \n,[\]{}])[^\n#:,[\]{}]*)*/y;
const quoted = /"([^"\\\n]*)"|'([^'\n]*)'/y;
/** What may stand behind the last thing of a line. */
const restOfLine = /(?: +(?:#[^\n]*)?)?(?=\n|$)/y;
const emptyLines = /(?: *(?:#[^\n]*)?\n)*/y;
const spaces = / */y;

const wholeNumber = /^(?:0|[1-9][0-9]{0,14})$/;
/** Words that are something else than their letters (YAML 1.2.2 §10.3.2). */
const notWords: ReadonlySet<string> = new Set(
  ["null", "true", "false"].flatMap((word) => [
    word,
    word.toUpperCase(),
    `${word.charAt(0).toUpperCase()}${word.slice(1)}`,
  ]),
);
/** Addresses, prefixes, ranges, durations: they begin with a digit and are no numbers. */
const digitWords =
  /^[0-9]+(?:\.[0-9]+\.[0-9.]+(?:[/-][0-9./]*)?|-[0-9]+|ms|[smhd])$|^[0-9a-f]+:[0-9a-f:]+(?:\/[0-9]+)?$/;
const letterWords = /^[A-Za-z/]/;

/** Thrown where a text is not plain. */
const notPlain = new Error("not plain");

class PlainReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): SourceNode | undefined {
    try {
      const indent = this.#nextLine();
      if (indent !== 0) return undefined;
      const root = this.#block(indent, 0);
      return this.#nextLine() === undefined ? root : undefined;
    } catch (error) {
      if (error === notPlain) return undefined;
      throw error;
    }
  }

  /** Goes to the next line that says something. Its indentation, behind which the reader stands then; or the end. */
  #nextLine(): number | undefined {
    this.#match(emptyLines);
    const start = this.#at;
    this.#match(spaces);
    if (this.#at >= this.#text.length || this.#text[this.#at] === "#") {
      // A comment that ends the file without a line break.
      if (this.#at < this.#text.length && this.#text.includes("\n", this.#at)) throw notPlain;
      this.#at = this.#text.length;
      return undefined;
    }
    return this.#at - start;
  }

  /** What is on the next line without going there. */
  #peekLine(): { readonly indent: number; readonly at: number } | undefined {
    const before = this.#at;
    const indent = this.#nextLine();
    const at = this.#at;
    this.#at = before;
    return indent === undefined ? undefined : { indent, at };
  }

  #block(indent: number, depth: number): SourceNode {
    if (depth > maximumDepth) throw notPlain;
    return this.#isDash(this.#at) ? this.#blockList(indent, depth) : this.#blockMap(indent, depth);
  }

  /** The reader stands at the first key. */
  #blockMap(indent: number, depth: number): SourceNode {
    const offset = this.#at;
    const map = new MapBuilder(offset);
    for (;;) {
      const keyOffset = this.#at;
      const key = this.#key();
      const node = this.#valueOfKey(indent, depth + 1) ?? {
        value: null,
        offset: keyOffset,
        size: 1,
        children: noChildren,
      };
      map.add(key, keyOffset, node);
      if (!this.#goOn(indent)) return map.finish();
      if (this.#isDash(this.#at)) throw notPlain;
    }
  }

  /** Undefined: there is none. */
  #valueOfKey(indent: number, depth: number): SourceNode | undefined {
    if (!this.#isAtLineEnd()) return this.#inline(indent, depth);
    const next = this.#peekLine();
    const isList = next !== undefined && next.indent === indent && this.#isDash(next.at);
    if (next === undefined || (next.indent <= indent && !isList)) return undefined;
    this.#at = next.at;
    return this.#block(next.indent, depth);
  }

  /** The reader stands at the first dash. */
  #blockList(indent: number, depth: number): SourceNode {
    const offset = this.#at;
    const list = new ListBuilder(offset);
    for (;;) {
      this.#at += 1;
      this.#match(spaces);
      if (this.#isAtLineEnd() || this.#isDash(this.#at)) throw notPlain;
      const inner = indent + this.#at - this.#lineStart(indent);
      keyPattern.lastIndex = this.#at;
      list.add(keyPattern.test(this.#text) ? this.#blockMap(inner, depth + 1) : this.#inline(indent, depth + 1));
      if (!this.#goOn(indent)) return list.finish();
      if (!this.#isDash(this.#at)) {
        // A list may stand as deep as its key: then the map goes on here.
        this.#at -= indent;
        return list.finish();
      }
    }
  }

  /** Where the text at the indentation of this line begins. */
  #lineStart(indent: number): number {
    return this.#text.lastIndexOf("\n", this.#at - 1) + 1 + indent;
  }

  /** Whether the next line is of the same block; then the reader stands there. */
  #goOn(indent: number): boolean {
    const next = this.#peekLine();
    if (next === undefined || next.indent < indent) return false;
    if (next.indent > indent) throw notPlain;
    this.#at = next.at;
    return true;
  }

  #key(): string {
    const start = this.#at;
    this.#match(keyPattern);
    const key = this.#text.slice(start, this.#at);
    if (key === "" || key === "__proto__" || notWords.has(key)) throw notPlain;
    this.#at += 1;
    this.#match(spaces);
    return key;
  }

  /** A value on one line, the last thing on it. */
  #inline(indent: number, depth: number): SourceNode {
    const node = this.#value(blockScalar, depth);
    if (!this.#isAtLineEnd()) throw notPlain;
    // A deeper line would go on with the text.
    const next = this.#peekLine();
    if (next !== undefined && next.indent > indent) throw notPlain;
    return node;
  }

  #value(scalar: RegExp, depth: number): SourceNode {
    const offset = this.#at;
    const first = this.#text[offset];
    if (first === "{") return this.#flowMap(depth);
    if (first === "[") return this.#flowList(depth);
    if (first === '"' || first === "'") {
      quoted.lastIndex = offset;
      const found = quoted.exec(this.#text);
      if (found === null) throw notPlain;
      this.#at = quoted.lastIndex;
      return { value: found[1] ?? found[2], offset, size: 1, children: noChildren };
    }
    this.#match(scalar);
    const word = this.#text.slice(offset, this.#at).trimEnd();
    this.#at = offset + word.length;
    return { value: plainValue(word), offset, size: 1, children: noChildren };
  }

  #flowMap(depth: number): SourceNode {
    if (depth > maximumDepth) throw notPlain;
    const map = new MapBuilder(this.#at);
    this.#open();
    if (this.#closes("}")) return map.finish();
    for (;;) {
      const keyOffset = this.#at;
      const key = this.#key();
      map.add(key, keyOffset, this.#value(flowScalar, depth + 1));
      if (this.#endsItem("}")) return map.finish();
    }
  }

  #flowList(depth: number): SourceNode {
    if (depth > maximumDepth) throw notPlain;
    const list = new ListBuilder(this.#at);
    this.#open();
    if (this.#closes("]")) return list.finish();
    for (;;) {
      list.add(this.#value(flowScalar, depth + 1));
      if (this.#endsItem("]")) return list.finish();
    }
  }

  #open(): void {
    this.#at += 1;
    this.#match(spaces);
  }

  #closes(bracket: string): boolean {
    if (this.#text[this.#at] !== bracket) return false;
    this.#at += 1;
    return true;
  }

  /** Behind an item: whether it was the last one. */
  #endsItem(bracket: string): boolean {
    this.#match(spaces);
    if (this.#closes(bracket)) return true;
    if (this.#text[this.#at] !== ",") throw notPlain;
    this.#open();
    return false;
  }

  /** Whether nothing more stands on the line; then the reader stands at its end. */
  #isAtLineEnd(): boolean {
    // Behind a key and its spaces a comment follows at once.
    if (this.#text[this.#at] === "#" && this.#text[this.#at - 1] === " ") {
      const end = this.#text.indexOf("\n", this.#at);
      this.#at = end < 0 ? this.#text.length : end;
    } else {
      restOfLine.lastIndex = this.#at;
      if (!restOfLine.test(this.#text)) return false;
      this.#at = restOfLine.lastIndex;
    }
    if (this.#at < this.#text.length) this.#at += 1;
    return true;
  }

  #isDash(at: number): boolean {
    return this.#text[at] === "-" && (this.#text[at + 1] === " " || this.#text[at + 1] === "\n");
  }

  #match(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    if (pattern.test(this.#text)) this.#at = pattern.lastIndex;
  }
}

function plainValue(word: string): string | number | boolean {
  if (wholeNumber.test(word)) return Number(word);
  if (word === "true" || word === "false") return word === "true";
  if (letterWords.test(word) ? notWords.has(word) : !digitWords.test(word)) throw notPlain;
  return word;
}

class MapBuilder {
  readonly #value: Record<string, unknown> = {};
  readonly #children = new Map<string | number, SourceChild>();
  readonly #offset: number;
  #size = 1;

  constructor(offset: number) {
    this.#offset = offset;
  }

  add(key: string, keyOffset: number, node: SourceNode): void {
    if (this.#children.has(key)) throw notPlain;
    this.#value[key] = node.value;
    this.#children.set(key, { keyOffset, node });
    this.#size += node.size;
  }

  finish(): SourceNode {
    return { value: this.#value, offset: this.#offset, size: this.#size, children: this.#children };
  }
}

class ListBuilder {
  readonly #value: unknown[] = [];
  readonly #children = new Map<string | number, SourceChild>();
  readonly #offset: number;
  #size = 1;

  constructor(offset: number) {
    this.#offset = offset;
  }

  add(node: SourceNode): void {
    this.#children.set(this.#value.length, { keyOffset: node.offset, node });
    this.#value.push(node.value);
    this.#size += node.size;
  }

  finish(): SourceNode {
    return { value: this.#value, offset: this.#offset, size: this.#size, children: this.#children };
  }
}
