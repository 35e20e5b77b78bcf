// YAML text → the tree of values with places (source.ts). Anchors, aliases and merge keys are followed here, in one
// bounded pass: what is too large, too deep or expands without end is a fault like any other.
import {
  CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Pair,
  parseAllDocuments,
  type YAMLMap,
} from "yaml";
import { quoteValue } from "./fault.ts";
import { readPlain } from "./read-plain.ts";
import type { Source, SourceChild, SourceNode } from "./source.ts";

/** Largest configuration file that is read, in UTF-16 units. */
export const maximumFileLength = 8 * 1024 * 1024;

const maximumDepth = 32;
const tooDeep = `values are nested more than ${maximumDepth} levels deep`;
const maximumValues = 1_000_000;
const emptyChildren: ReadonlyMap<string | number, SourceChild> = new Map();

/** Reads the source's text; undefined after faults that make everything else doubtful (they are in `source`). */
export function readYaml(source: Source): SourceNode | undefined {
  if (source.text.length > maximumFileLength) {
    const message = `the file is larger than ${maximumFileLength / 1024 / 1024} MB`;
    source.errorAtOffset(0, { code: "YM_CONFIG_SIZE", message, hint: "split the services over several directors" });
    return undefined;
  }
  const root = readPlain(source.text) ?? readAny(source);
  if (root === undefined) return undefined;
  if (root.size > maximumValues) {
    const message = `the file holds more than ${maximumValues} values when its aliases are written out`;
    source.errorAtOffset(0, { code: "YM_CONFIG_SIZE", message });
    return undefined;
  }
  source.root = root;
  return root;
}

/** Reads whatever YAML there is. */
export function readAny(source: Source): SourceNode | undefined {
  const deepAt = findDeepNesting(source.text);
  if (deepAt !== undefined) {
    source.errorAtOffset(deepAt, { code: "YM_CONFIG_SIZE", message: tooDeep });
    return undefined;
  }
  const document = parseDocument(source);
  if (document === undefined) return undefined;
  const root = new TreeReader(source).read(document.contents, 0);
  // Where part of the tree is missing, whatever else is said about it would be noise; a key written twice is not that.
  const isWhole = source.faults.every((fault) => fault.code === "YM_CONFIG_DUPLICATE_KEY");
  return isWhole ? root : undefined;
}

/** Where brackets (or dashes of one line) nest too deeply; the library's parser would take gigabytes to find out. */
function findDeepNesting(text: string): number | undefined {
  let offset = 0;
  let brackets = 0;
  let dashes = 0;
  let isScalarNext = false;
  for (const token of new Lexer().lex(text)) {
    const kind = isScalarNext ? "scalar" : token;
    isScalarNext = token === CST.SCALAR;
    if (kind === "[" || kind === "{") brackets++;
    else if (kind === "]" || kind === "}") brackets--;
    else if (kind === "-" || kind === "?") dashes++;
    else if (kind === "\n" || kind === "\r\n") dashes = 0;
    if (brackets > maximumDepth || dashes > maximumDepth) return offset;
    const isMark = kind === CST.SCALAR || kind === CST.DOCUMENT || kind === CST.FLOW_END;
    if (!isMark) offset += token.length;
  }
  return undefined;
}

function parseDocument(source: Source): Document.Parsed | undefined {
  const hint = "the file must be one YAML 1.2 document; a key and its value are written `key: value`";
  try {
    // Duplicate keys are found while walking: the library compares each key with each other one.
    const documents = parseAllDocuments(source.text, { prettyErrors: false, uniqueKeys: false, logLevel: "silent" });
    const [document, second] = "empty" in documents ? [] : documents;
    if (document === undefined || (document.contents === null && document.errors.length === 0)) {
      source.errorAtOffset(0, { code: "YM_CONFIG_EMPTY", message: "the file holds no configuration" });
      return undefined;
    }
    if (second !== undefined) {
      const message = "a second YAML document begins here";
      source.errorAtOffset(second.range[0], { code: "YM_CONFIG_YAML", message, hint });
    }
    const problems = [...document.errors, ...document.warnings];
    for (const [index, problem] of problems.entries()) {
      const message = `not valid YAML: ${lowerFirst(printable(problem.message))}`;
      const text = { code: "YM_CONFIG_YAML", message };
      source.errorAtOffset(problem.pos[0], index === 0 ? { ...text, hint } : text);
    }
    return second === undefined && problems.length === 0 ? document : undefined;
  } catch (cause) {
    // The library's reader is recursive: nesting of many thousand levels overflows the stack.
    if (!(cause instanceof RangeError)) throw cause;
    source.errorAtOffset(0, { code: "YM_CONFIG_SIZE", message: "the file is nested too deeply to be read" });
    return undefined;
  }
}

class TreeReader {
  readonly #source: Source;
  readonly #anchors = new Map<string, unknown>();
  /** Trees by node: an alias shares its anchor's tree. Undefined while the anchor itself is still being read. */
  readonly #trees = new Map<unknown, SourceNode | undefined>();

  constructor(source: Source) {
    this.#source = source;
  }

  read(node: unknown, depth: number): SourceNode | undefined {
    if (isAlias(node)) return this.#readAlias(node.source, node.range?.[0] ?? 0);
    const offset = offsetOf(node);
    if (depth > maximumDepth) {
      this.#source.errorAtOffset(offset, { code: "YM_CONFIG_SIZE", message: tooDeep });
      return undefined;
    }
    if (isScalar(node)) {
      const tree = { value: node.value, offset, size: 1, children: emptyChildren };
      if (node.anchor !== undefined) this.#remember(node.anchor, node, tree);
      return tree;
    }
    if (!isMap(node) && !isSeq(node)) return { value: null, offset, size: 1, children: emptyChildren };
    if (node.anchor !== undefined) this.#remember(node.anchor, node, undefined);
    const children = isMap(node) ? this.#readMap(node, depth) : this.#readList(node.items, depth);
    const tree = treeOf(offset, children, isMap(node) ? "map" : "list");
    if (node.anchor !== undefined) this.#trees.set(node, tree);
    return tree;
  }

  #remember(anchor: string, node: unknown, tree: SourceNode | undefined): void {
    this.#anchors.set(anchor, node);
    this.#trees.set(node, tree);
  }

  #readAlias(name: string, offset: number): SourceNode | undefined {
    const tree = this.#trees.get(this.#anchors.get(name));
    if (tree === undefined) {
      const message = this.#anchors.has(name)
        ? `alias *${name} is inside its own anchor`
        : `no anchor &${name} before this`;
      this.#source.errorAtOffset(offset, { code: "YM_CONFIG_YAML", message });
    }
    return tree;
  }

  #readList(items: readonly unknown[], depth: number): Map<string | number, SourceChild> {
    const children = new Map<string | number, SourceChild>();
    for (const item of items) {
      const node = this.read(item, depth + 1);
      if (node !== undefined) children.set(children.size, { keyOffset: offsetOf(item), node });
    }
    return children;
  }

  #readMap(map: YAMLMap, depth: number): Map<string | number, SourceChild> {
    const children = new Map<string | number, SourceChild>();
    const merged: SourceNode[] = [];
    for (const pair of map.items) {
      const keyOffset = offsetOf(pair.key);
      const node = this.read(pair.value, depth + 1);
      if (isMergeKey(pair)) {
        if (node !== undefined) merged.push(...this.#mergeSources(node, keyOffset));
        continue;
      }
      const key = this.#readKey(pair.key);
      if (key === undefined || node === undefined) continue;
      const first = children.get(key);
      if (first === undefined) {
        // A key without a value has no place of its own: point at the key.
        const placed = pair.value === null || isEmpty(pair.value) ? { ...node, offset: keyOffset } : node;
        children.set(key, { keyOffset, node: placed });
      } else {
        const message = `key ${quoteValue(key)} is already on ${this.#source.lineOfOffset(first.keyOffset)}`;
        this.#source.errorAtOffset(keyOffset, {
          code: "YM_CONFIG_DUPLICATE_KEY",
          message,
          hint: "remove one of the two",
        });
      }
    }
    for (const base of merged) {
      for (const [key, child] of base.children) if (!children.has(key)) children.set(key, child);
    }
    return children;
  }

  #readKey(key: unknown): string | undefined {
    const name = isScalar(key) && key.value !== null ? (key.source ?? String(key.value)) : undefined;
    if (name === undefined || name === "__proto__") {
      const message = name === undefined ? "this key is no plain word" : `${quoteValue(name)} cannot be a key`;
      this.#source.errorAtOffset(offsetOf(key), { code: "YM_CONFIG_YAML", message });
      return undefined;
    }
    return name;
  }

  #mergeSources(node: SourceNode, offset: number): readonly SourceNode[] {
    const bases = Array.isArray(node.value) ? [...node.children.values()].map((child) => child.node) : [node];
    const maps = bases.filter((base) => isPlainMap(base.value));
    if (maps.length < bases.length) {
      const message = "<< merges maps only";
      this.#source.errorAtOffset(offset, {
        code: "YM_CONFIG_YAML",
        message,
        hint: "write `<<: *anchor`, or a list of such aliases",
      });
    }
    return maps;
  }
}

function treeOf(offset: number, children: ReadonlyMap<string | number, SourceChild>, kind: "map" | "list"): SourceNode {
  let size = 1;
  const entries: [string | number, unknown][] = [];
  for (const [key, child] of children) {
    size += child.node.size;
    entries.push([key, child.node.value]);
  }
  const value = kind === "map" ? Object.fromEntries(entries) : entries.map(([, item]) => item);
  return { value, offset, size, children };
}

function isPlainMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isMergeKey(pair: Pair): boolean {
  return isScalar(pair.key) && pair.key.type === "PLAIN" && pair.key.source === "<<";
}

function isEmpty(node: unknown): boolean {
  return isScalar(node) && node.value === null && (node.source ?? "") === "";
}

function offsetOf(node: unknown): number {
  return (isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined) ?? 0;
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** Control characters of the file as escapes: messages quote what they complain of. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
