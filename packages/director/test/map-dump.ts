// Everything that the maps of a data plane hold, as sorted text: what a test compares between hosts and with
// what it expects. Entries that are all zero are left out, as arrays are full of them.

import type { BpfHost, BpfMap, MapSpec } from "@yardmaster/ebpf";
import { addressText } from "../src/address.ts";
import type { Dataplane } from "../src/kernel/dataplane.ts";

type Entries = readonly (readonly [unknown, unknown])[];
type InnerContents = ReadonlyMap<number, Entries>;

/** A host that remembers what was put into maps of maps: nobody can read an inner map through the outer one. */
export interface RememberingHost {
  readonly inner: ReadonlyMap<string, InnerContents>;
}

/** Has `host` remember what is put into its maps of maps from now on. */
export function remembering<H extends BpfHost>(host: H): H & RememberingHost {
  const inner = new Map<string, InnerContents>();
  const createMap = <K, V>(spec: MapSpec<K, V>): BpfMap<K, V> => {
    const map = host.createMap(spec);
    if (spec.inner === undefined) return map;
    const contents = new Map<number, Entries>();
    inner.set(spec.name, contents);
    const put = map.updateInner.bind(map);
    map.updateInner = (key, content) => {
      put(key, content);
      contents.set(key as number, [...content.entries()]);
    };
    const putAll = map.updateInners.bind(map);
    map.updateInners = (entries) => {
      putAll(entries);
      for (const [key, content] of entries) contents.set(key as number, [...content.entries()]);
    };
    const remove = map.delete.bind(map);
    map.delete = (key) => {
      const isGone = remove(key);
      contents.delete(key as number);
      return isGone;
    };
    return map;
  };
  return { ...host, inner, createMap };
}

/** The text: one line for each entry that is not zero, under the name of its map. */
export function dumpMaps({ maps }: Dataplane, { inner }: RememberingHost): string {
  const { ipv4, ipv6, ...common } = maps;
  const live = [common, ipv4, ipv6].flatMap((group) => Object.values(group) as BpfMap<unknown, unknown>[]);
  return live
    .toSorted((a, b) => (a.spec.name < b.spec.name ? -1 : 1))
    .map((map) => [heading(map.spec), ...linesOf(map, inner.get(map.spec.name)).map((line) => `  ${line}`)].join("\n"))
    .join("\n");
}

function heading({ name, type, maxEntries }: MapSpec): string {
  return `${name} (${type}, ${maxEntries})`;
}

function linesOf(map: BpfMap<unknown, unknown>, inner: InnerContents | undefined): string[] {
  if (inner !== undefined) return [...inner].map(([key, content]) => `${key}: ${innerText(content)}`);
  if (map.spec.type === "percpu_array") return perCpuLines(map);
  const lines = [...map.entries()].map(([key, value]) => [keyText(key), textOf(value)] as const);
  const isArray = map.spec.type === "array";
  const shown = isArray ? lines.filter(([, value]) => value !== ZERO) : lines.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return shown.map(([key, value]) => `${key}: ${value}`);
}

function perCpuLines(map: BpfMap<unknown, unknown>): string[] {
  return Array.from({ length: map.spec.maxEntries }, (_, key) => [key, map.lookupPerCpu(key) ?? []] as const)
    .map(([key, values]) => [key, values.map((value) => textOf(value)).filter((text) => text !== ZERO)] as const)
    .flatMap(([key, texts]) => (texts.length === 0 ? [] : [`${key}: ${texts.join(" | ")}`]));
}

function keyText(key: unknown): string {
  return typeof key === "number" ? `${key}` : textOf(key);
}

const ZERO = "-";
/** Fields that hold addresses, as lists of words. */
const ADDRESSES: readonly string[] = ["address", "source", "destination", "client"];

/** A value in short: zero fields are left out, repetitions are counted. */
function textOf(value: unknown, field = ""): string {
  if (value instanceof Uint8Array) return printable(value) ?? listText([...value]);
  if (Array.isArray(value)) return ADDRESSES.includes(field) ? wordsText(value as number[]) : listText(value);
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(([name, part]) => [name, textOf(part, name)] as const);
    const full = fields.filter(([, text]) => text !== ZERO);
    if (full.length === 0) return ZERO;
    const line = full.map(([name, text]) => `${name}=${text}`);
    return line.join(line.join(" ").length > LONGEST_LINE ? "\n    " : " ");
  }
  if (Number(value) === 0) return ZERO;
  return String(value);
}

/** Letters and what stands between them, filled up with zeros, as text. */
function printable(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString("latin1").replace(/\0+$/, "");
  return /^[ -~]{3,}$/.test(text) ? JSON.stringify(text) : undefined;
}

function wordsText(words: readonly number[]): string {
  if (words.every((word) => word === 0)) return ZERO;
  return addressText(words, words.slice(1).some((word) => word !== 0) ? "ipv6" : "ipv4");
}

/** Longer structures get a line for each field. */
const LONGEST_LINE = 90;
/** Above this a list is told by how much it holds. */
const LONGEST_LIST = 32;

function listText(values: readonly unknown[]): string {
  const runs: { text: string; count: number }[] = [];
  for (const text of values.map((value) => textOf(value))) {
    const last = runs.at(-1);
    if (last?.text === text) last.count += 1;
    else runs.push({ text, count: 1 });
  }
  if (runs.length === 1 && runs[0]?.text === ZERO) return ZERO;
  if (runs.length > LONGEST_LIST) return `[${values.length} values]`;
  return `[${runs.map(({ text, count }) => (count === 1 ? text : `${text} × ${count}`)).join(", ")}]`;
}

/** What an inner map holds: its keys say nothing that places do not. */
function innerText(content: Entries): string {
  return content.length === 1 ? textOf(content[0]?.[1]) : textOf(content.map(([, value]) => value));
}
