// Which packets find which service, in the maps: one address and port exactly, or wide by class of ports and prefix.
// Each packet meets the state before a change or the one after it: whatever leads somewhere is there before what leads
// to it, and goes after it.

import { families } from "@yardmaster/dataplane";
import { addressWords } from "@yardmaster/packet";
import type { LiveMaps } from "../kernel/live-maps.ts";
import type { ServiceMatch } from "../model/virtual-service.ts";
import { familyOfMatch, protocolNumbers } from "./service.ts";
import type { Transaction } from "./transaction.ts";
import { VirtualAddresses } from "./virtual-addresses.ts";
import {
  entriesText,
  type IndexedMatch,
  isCovered,
  PORT_SLOTS,
  type PrefixEntry,
  type WideIndex,
  wideIndexOf,
} from "./wide-index.ts";

type ExactMatch = ServiceMatch & { readonly kind: "exact" };

/** A service that is found by one address and port. */
interface ExactEntry {
  readonly match: ExactMatch;
  readonly index: number;
}

/** A class of ports in the maps. */
interface LiveClass {
  readonly number: number;
  readonly entries: readonly PrefixEntry[];
}

/** What is in the maps for wide services. */
interface LiveWide {
  /** By the text of its content. */
  readonly classes: ReadonlyMap<string, LiveClass>;
  /** Number of the class of each port. */
  readonly slots: Uint32Array;
}

/** The way from packets to services. */
export class Visibility {
  readonly #maps: LiveMaps;
  readonly #services = new Map<number, ServiceMatch>();
  /** Those of them that are known by marks: mostly none, where there may be thousands. */
  readonly #marks = new Map<number, ServiceMatch>();
  /** Those with one address and port that packets find, by the text of their key. */
  readonly #exact = new Map<string, ExactEntry>();
  readonly #addresses: VirtualAddresses;
  #wide: LiveWide = { classes: new Map(), slots: new Uint32Array(PORT_SLOTS) };
  /** Greatest number that a class was given. */
  #lastNumber = 0;

  constructor(maps: LiveMaps) {
    this.#maps = maps;
    this.#addresses = new VirtualAddresses(maps);
  }

  /** Has packets find a service by what it matches now; undefined: not at all. */
  change(transaction: Transaction, index: number, match: ServiceMatch | undefined): void {
    const before = this.#services.get(index);
    if (before === match) return;
    this.#addresses.change(transaction, before, match);
    transaction.set(this.#services, index, match);
    const touches = (kind: ServiceMatch["kind"]) => before?.kind === kind || match?.kind === kind;
    // A mark decides whether services with one address and port are found.
    transaction.set(this.#marks, index, match?.kind === "mark" ? match : undefined);
    const affected = touches("mark") ? [...this.#exact.values()].map((entry) => entry.match) : [before];
    const wanted = this.#wantedExact(touches("mark") ? this.#all() : match === undefined ? [] : [{ index, match }]);
    for (const [text, entry] of wanted) this.#addExact(transaction, text, entry);
    if (touches("mark") || touches("wide")) this.#changeWide(transaction, wideIndexOf(this.#all()));
    for (const gone of affected) {
      if (gone?.kind === "exact" && !wanted.has(exactText(gone))) this.#removeExact(transaction, gone);
    }
  }

  #all(): readonly IndexedMatch[] {
    return indexed(this.#services);
  }

  /** Those of these that no mark covers. */
  #wantedExact(services: readonly IndexedMatch[]): ReadonlyMap<string, ExactEntry> {
    const marks = indexed(this.#marks);
    return new Map(
      services.flatMap(({ index, match }) =>
        match.kind === "exact" && !isCovered(marks, match) ? [[exactText(match), { match, index }]] : [],
      ),
    );
  }

  #addExact(transaction: Transaction, text: string, entry: ExactEntry): void {
    const { match, index: service } = entry;
    if (this.#exact.get(text)?.index === service) return;
    transaction.update(this.#maps[familyOfMatch(match)].serviceIndex, exactKey(match), { service });
    transaction.set(this.#exact, text, entry);
  }

  #removeExact(transaction: Transaction, match: ExactMatch): void {
    transaction.delete(this.#maps[familyOfMatch(match)].serviceIndex, exactKey(match));
    transaction.set(this.#exact, exactText(match), undefined);
  }

  #changeWide(transaction: Transaction, wanted: WideIndex): void {
    const before = this.#wide;
    const after = this.#numbered(wanted);
    const isIn = (wide: LiveWide) => (text: string) => wide.classes.has(text);
    for (const [text, { number, entries }] of after.classes) {
      if (isIn(before)(text)) continue;
      for (const entry of entries) {
        this.#replacePrefix(transaction, number, entry, "in");
      }
    }
    this.#switchPorts(transaction, before.slots, after.slots);
    this.#wide = after;
    transaction.onFailure(() => (this.#wide = before));
    for (const [text, { number, entries }] of before.classes) {
      if (isIn(after)(text)) continue;
      for (const entry of entries) this.#replacePrefix(transaction, number, entry, "out");
    }
  }

  #replacePrefix(transaction: Transaction, portClass: number, entry: PrefixEntry, way: "in" | "out"): void {
    const { family, address, length, service } = entry;
    // The class counts whole.
    const prefixLength = families[family].Prefix.fields.portClass.size * 8 + length;
    const key = { prefixLength, data: { portClass, address: [...address] } };
    const value = { service };
    const [before, after] = way === "in" ? [undefined, value] : [value, undefined];
    transaction.replace(this.#maps[family].prefixes, key, before, after);
  }

  /** Classes keep their numbers; those that changed are new ones. */
  #numbered({ classes, slots }: WideIndex): LiveWide {
    const numbered = classes.map((entries) => {
      const text = entriesText(entries);
      return [text, this.#wide.classes.get(text) ?? { number: ++this.#lastNumber, entries }] as const;
    });
    const numbers = [0, ...numbered.map(([, { number }]) => number)];
    return { classes: new Map(numbered), slots: slots.map((place) => numbers[place] ?? 0) };
  }

  #switchPorts(transaction: Transaction, before: Uint32Array, after: Uint32Array): void {
    const differing: number[] = [];
    for (let slot = 0; slot < PORT_SLOTS; slot++) if (after[slot] !== before[slot]) differing.push(slot);
    transaction.flush();
    const write = (slots: Uint32Array) =>
      this.#maps.portClasses.updateBatch(differing.map((slot) => [slot, { portClass: slots[slot] ?? 0 }] as const));
    transaction.onFailure(() => write(before));
    write(after);
  }
}

function indexed(services: ReadonlyMap<number, ServiceMatch>): readonly IndexedMatch[] {
  return [...services].map(([index, match]) => ({ index, match }));
}

function exactText({ address, port, protocol }: ExactMatch): string {
  return `${protocol} ${address} ${port}`;
}

function exactKey({ address, port, protocol }: ExactMatch) {
  return { address: addressWords(address), port, protocol: protocolNumbers[protocol] };
}
