// keepalived.conf → a tree of statements: words, and a block of further statements in braces. What is known of the
// grammar is from keepalived.conf(5): comments, quoting, conditional lines, definitions, sequences, includes.
import { dirname } from "node:path";
import { ImportError } from "../errors.ts";
import type { NotCarried, Origin } from "../imported.ts";

/** A line with words, and what stands in the braces after it. */
export interface Statement {
  readonly words: readonly string[];
  /** Its lines from the first to the closing brace. */
  readonly origin: Origin;
  /** Undefined: there are no braces. */
  readonly block: readonly Statement[] | undefined;
}

/** What a file may include, and how its conditional lines are read. */
export interface StatementOptions {
  /** keepalived's `--config-id`: lines that begin with `@ID` are read only where it is this one. */
  readonly configId?: string;
  /** Files that an `include` names, by its pattern and the file that it stands in; undefined: none can be read. */
  readonly include?: (pattern: string, file: string) => readonly IncludedFile[] | undefined;
}

/** A file that another one names. */
export interface IncludedFile {
  readonly name: string;
  readonly text: string;
}

/** Statements of a file and of all that it includes. */
export interface Statements {
  readonly statements: readonly Statement[];
  readonly notCarried: readonly NotCarried[];
}

const DEEPEST_BLOCK = 16;
const DEEPEST_INCLUDE = 8;
const MOST_INCLUDED = 256;
const MOST_STATEMENTS = 1_000_000;
const LONGEST_LINE = 16_384;
/** Lines that definitions and sequences may make. */
const MOST_MADE_LINES = 200_000;
/** Definitions within definitions. */
const DEEPEST_DEFINITION = 16;
const SHOWN_COLUMNS = 160;
const includeWords = /^include[rmwba]?$/;

interface Open {
  readonly words: readonly string[];
  readonly first: Origin;
  readonly block: Statement[];
}

/** Reads a file. Throws ImportError YM_IMPORT_SYNTAX where braces do not match, or it is too large. */
export function readStatements(text: string, file: string, options: StatementOptions = {}): Statements {
  const reader = new StatementReader(options);
  reader.read(text, file, 0);
  return reader.end();
}

class StatementReader {
  readonly #options: StatementOptions;
  readonly #top: Statement[] = [];
  readonly #open: Open[] = [];
  readonly #notCarried: NotCarried[] = [];
  readonly #definitions = new Map<string, string>();
  /** One of several lines whose last has not come. */
  #defining: { readonly name: string; readonly lines: readonly string[]; readonly origin: Origin } | undefined;
  #count = 0;
  #made = 0;
  #included = 0;

  constructor(options: StatementOptions) {
    this.#options = options;
  }

  read(text: string, file: string, depth: number): void {
    for (const [index, raw] of text.split(/\r?\n/).entries()) {
      if (raw.length > LONGEST_LINE) {
        throw syntax(file, index + 1, `the line is longer than ${LONGEST_LINE} characters`);
      }
      const origin: Origin = { file, line: index + 1, lastLine: index + 1, text: raw.trim().slice(0, SHOWN_COLUMNS) };
      this.#readLine(raw, origin, { includes: depth, definitions: 0 });
    }
  }

  end(): Statements {
    if (this.#defining !== undefined) {
      const { name, origin } = this.#defining;
      throw syntax(origin.file, origin.line, `the definition of $${name} has no last line: is the file complete?`);
    }
    const open = this.#open.at(-1);
    if (open !== undefined) {
      const message = `the block "${open.words.join(" ")}" is not closed: is the file complete?`;
      throw syntax(open.first.file, open.first.line, message);
    }
    return { statements: this.#top, notCarried: this.#notCarried };
  }

  /** A line without its condition; undefined where that is not fulfilled. */
  #conditional(raw: string, origin: Origin): string | undefined {
    const [whole, not, id] = /^\s*@(\^?)(\S+)/.exec(raw) ?? [];
    if (whole === undefined) return raw;
    if ((id === this.#options.configId) === (not === "")) return raw.slice(whole.length);
    const why = `is for the configuration id ${not === "" ? "" : "not "}${id}`;
    this.#notCarried.push({ ...origin, why: `${why}: import with --config-id to choose one` });
    return undefined;
  }

  #readLine(raw: string, origin: Origin, depth: Depth): void {
    if (this.#defining !== undefined) {
      this.#goOnDefining(raw);
      return;
    }
    const line = this.#conditional(raw, origin);
    if (line === undefined) return;
    const [, name, value = ""] = /^\s*\$([A-Za-z_]\w*)\s*=\s?(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      if (value.trim() === "\\") this.#defining = { name, lines: [], origin };
      else this.#definitions.set(name, withoutComment(value).trimEnd());
      return;
    }
    const sequence = sequenceOf(line);
    if (sequence !== undefined) {
      for (const each of sequence.values) {
        this.#definitions.set(sequence.name, each);
        this.#readMade(sequence.line, origin, depth);
      }
      return;
    }
    const substituted = this.#substitute(line, origin);
    if (substituted === line) this.#readWords(line, origin, depth.includes);
    else for (const each of substituted.split("\n")) this.#readMade(each, origin, depth);
  }

  /** A line that a definition or a sequence makes: there may be definitions in it again. */
  #readMade(line: string, origin: Origin, { includes, definitions }: Depth): void {
    this.#made++;
    if (this.#made > MOST_MADE_LINES || definitions >= DEEPEST_DEFINITION) {
      throw syntax(origin.file, origin.line, "its definitions and sequences make too many lines of it");
    }
    this.#readLine(line, origin, { includes, definitions: definitions + 1 });
  }

  /** Each line but the last ends with a backslash; empty ones are skipped. */
  #goOnDefining(raw: string): void {
    if (this.#defining === undefined || raw.trim() === "") return;
    const { name, lines, origin } = this.#defining;
    const [, text, more] = /^(.*?)(\\?)\s*$/.exec(raw) ?? [];
    const all = [...lines, text ?? ""];
    if (more === "\\") {
      this.#defining = { name, lines: all, origin };
      return;
    }
    this.#definitions.set(name, all.join("\n"));
    this.#defining = undefined;
  }

  #readWords(line: string, origin: Origin, depth: number): void {
    const words: string[] = [];
    for (const word of wordsOf(line)) {
      if (word.isQuoted || (word.text !== "{" && word.text !== "}")) {
        words.push(word.text);
        continue;
      }
      if (word.text === "{") this.#openBlock(words.splice(0), origin);
      else {
        this.#addStatement(words.splice(0), origin, depth);
        this.#closeBlock(origin);
      }
    }
    this.#addStatement(words, origin, depth);
  }

  /** With the values of definitions, in which there may be definitions again. */
  #substitute(line: string, origin: Origin): string {
    if (!line.includes("$")) return line;
    let length = 0;
    return line.replaceAll(/\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g, (whole, braced?: string, bare?: string) => {
      const name = braced ?? bare ?? "";
      const value = this.#definitions.get(name) ?? (name === "_PWD" ? dirname(origin.file) : whole);
      length += value.length;
      if (length > LONGEST_LINE) throw syntax(origin.file, origin.line, "the line's definitions make it too long");
      return value;
    });
  }

  #addStatement(words: readonly string[], origin: Origin, depth: number): void {
    if (words.length === 0) return;
    if (includeWords.test(words[0] ?? "")) {
      this.#include(words.slice(1).join(" "), origin, depth);
      return;
    }
    this.#add({ words, origin, block: undefined });
  }

  #add(statement: Statement): void {
    this.#count++;
    if (this.#count > MOST_STATEMENTS) throw syntax(statement.origin.file, statement.origin.line, "there are too many");
    (this.#open.at(-1)?.block ?? this.#top).push(statement);
  }

  /** The brace may stand on a line of its own, after the words that it belongs to. */
  #openBlock(words: readonly string[], origin: Origin): void {
    const siblings = this.#open.at(-1)?.block ?? this.#top;
    const before = words.length === 0 ? siblings.at(-1) : undefined;
    if (before !== undefined && before.block === undefined) siblings.pop();
    else if (words.length === 0) throw syntax(origin.file, origin.line, '"{" belongs to nothing');
    if (this.#open.length >= DEEPEST_BLOCK) {
      throw syntax(origin.file, origin.line, `blocks are nested more than ${DEEPEST_BLOCK} deep`);
    }
    this.#open.push({ words: before?.words ?? words, first: before?.origin ?? origin, block: [] });
  }

  #closeBlock(origin: Origin): void {
    const open = this.#open.pop();
    if (open === undefined) throw syntax(origin.file, origin.line, '"}" closes nothing');
    const lastLine = open.first.file === origin.file ? origin.line : open.first.line;
    this.#add({ words: open.words, origin: { ...open.first, lastLine }, block: open.block });
  }

  #include(pattern: string, origin: Origin, depth: number): void {
    const files = depth < DEEPEST_INCLUDE ? this.#options.include?.(pattern, origin.file) : undefined;
    if (files === undefined || files.length === 0) {
      const why = depth < DEEPEST_INCLUDE ? "the file is not there" : "files include each other too deeply";
      this.#notCarried.push({ ...origin, why });
      return;
    }
    for (const { name, text } of files) {
      this.#included++;
      if (this.#included > MOST_INCLUDED) throw syntax(origin.file, origin.line, "too many files are included");
      this.read(text, name, depth + 1);
    }
  }
}

function syntax(file: string, line: number, message: string): ImportError {
  return new ImportError("YM_IMPORT_SYNTAX", `reading ${file}:${line}: ${message}`);
}

/** What has been gone through to come to a line. */
interface Depth {
  readonly includes: number;
  readonly definitions: number;
}

/** A line that is meant several times. */
interface Sequence {
  readonly name: string;
  readonly values: readonly string[];
  readonly line: string;
}

/** `~SEQ(NAME, start, step, end) line`: start and step may be missing; `~SEQx` has hexadecimal values. */
function sequenceOf(text: string): Sequence | undefined {
  const number = String.raw`\s*(-?(?:0x[0-9a-fA-F]{1,8}|\d{1,9}))\s*`;
  const pattern = new RegExp(String.raw`^\s*~SEQ(x?)\(\s*([A-Za-z_]\w*)\s*((?:,${number}){1,3})\)(.*)$`);
  const [, hex, name, list, , line] = pattern.exec(text) ?? [];
  if (name === undefined || list === undefined || line === undefined) return undefined;
  const given = list.split(",").slice(1).map(Number);
  const end = given.at(-1) ?? 0;
  const start = given.length > 1 ? (given[0] ?? 0) : Math.sign(end) || 1;
  const step = given.length === 3 ? (given[1] ?? 0) : end < start ? -1 : 1;
  const count = step === 0 ? 0 : Math.floor((end - start) / step) + 1;
  const values = Array.from({ length: Math.min(Math.max(0, count), MOST_MADE_LINES + 1) }, (_, at) =>
    (start + at * step).toString(hex === "x" ? 16 : 10),
  );
  return { name, values, line };
}

/** A line up to a comment. */
function withoutComment(line: string): string {
  const [text = ""] = /^(?:"(?:[^"\\]|\\.)*"?|\\.|[^"\\#!])*/.exec(line) ?? [];
  return text;
}

interface Word {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** Words up to a comment, which begins with `#` or `!`; in quotes everything is part of a word, and `\` of the next. */
function wordsOf(line: string): readonly Word[] {
  const words: Word[] = [];
  const pattern = /\s+|([#!])|"((?:[^"\\]|\\.)*)"?|((?:[^\s"#!\\]|\\.)+|\\)/gy;
  for (let match = pattern.exec(line); match !== null; match = pattern.exec(line)) {
    const [, comment, quoted, plain] = match;
    if (comment !== undefined) break;
    if (quoted !== undefined) words.push({ text: quoted.replaceAll(/\\(["\\])/g, "$1"), isQuoted: true });
    if (plain !== undefined) words.push(...splitBraces(plain));
  }
  return words;
}

/** `url{` is two words. */
function splitBraces(text: string): readonly Word[] {
  if (text.length < 2 || !text.endsWith("{") || text.endsWith("\\{")) return [{ text, isQuoted: false }];
  return [
    { text: text.slice(0, -1), isQuoted: false },
    { text: "{", isQuoted: false },
  ];
}
