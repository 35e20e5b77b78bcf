// Tables go over from one data plane to the next. One that is alike is shared: both programs then work on the same
// connections. One that is not is copied before the packets come over, and once more afterwards, when the former
// program no longer writes: what has changed in between goes over, too.

import { carriedCounters, carriedMaps, reasonNames } from "@yardmaster/dataplane";
import { type BpfHost, type BpfMap, converter, isSameLayout, type Layout, type MapSpec } from "@yardmaster/ebpf";
import type { MakeMap } from "../kernel/live-maps.ts";
import { DirectorError } from "../errors.ts";
import { type Former, type FormerMap, rawSpec } from "./former-maps.ts";
import { copyArray, copyHash, type Copy } from "./copy.ts";

/** Takes over the maps of one former data plane. */
export class Carriage implements Disposable {
  readonly #host: BpfHost;
  readonly #former: Former;
  readonly #copies: Copy[] = [];
  readonly #owned = new DisposableStack();

  constructor(host: BpfHost, former: Former) {
    this.#host = host;
    this.#former = former;
  }

  /**
   * Makes a map of the new data plane: the former one itself, a copy, or an empty one where it is not carried. Throws a
   * DirectorError (YM_SUCCESSION_LAYOUT) where what the former holds cannot be understood.
   */
  readonly make: MakeMap = (spec, definitions) => {
    const known = this.#former.maps.get(spec.name);
    const isCarried = carriedMaps(definitions).some(({ name }) => name === spec.name);
    if (known === undefined || !isCarried || isUnused(spec)) return this.#host.createMap(spec);
    if (this.#isAlike(known, spec)) return this.#host.reopenMap(known.map as BpfMap, spec);
    const made = this.#host.createMap(spec);
    try {
      this.#copy(known, made);
    } catch (error) {
      made.close();
      throw error;
    }
    return made;
  };

  /** Whether there is something that `finish` will bring up to date. */
  get hasCopies(): boolean {
    return this.#copies.length > 0;
  }

  /** The former program no longer sees packets: what it did since the copies were made goes over. */
  finish(): void {
    for (const copy of this.#copies.splice(0)) copy.finish();
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }

  #isAlike({ description }: FormerMap, { name, type, maxEntries, flags, key, value }: MapSpec): boolean {
    const isSame = (a: Layout, b: Layout | undefined) => b !== undefined && isSameLayout(a, b);
    const sameReasons = this.#former.reasons.join() === reasonNames.join();
    return (
      description.type === type &&
      description.maxEntries === maxEntries &&
      description.flags === flags &&
      isSame(description.key, key.layout) &&
      isSame(description.value, value.layout) &&
      (name !== "verdicts" || sameReasons)
    );
  }

  #copy(former: FormerMap, made: BpfMap): void {
    const { name, type, maxEntries, flags, key, value } = made.spec;
    const keys = key.layout && converter(former.description.key, key.layout);
    const values = value.layout && converter(former.description.value, value.layout);
    if (keys === undefined || values === undefined || key.layout === undefined || value.layout === undefined) {
      throw new DirectorError(
        "YM_SUCCESSION_LAYOUT",
        `taking over table "${name}" of version ${this.#former.version}: this version does not understand its entries`,
        { hint: "yardmaster down ends the former director and its connections; then start again" },
      );
    }
    const raw = rawSpec({ name, type, maxEntries, flags, key: key.layout, value: value.layout });
    const to = this.#owned.use(this.#host.reopenMap(made, raw));
    if (type === "hash") {
      const { description } = former;
      this.#copies.push(
        copyHash(former.map, to, {
          keys: isSameLayout(description.key, key.layout) ? undefined : keys,
          values: isSameLayout(description.value, value.layout) ? undefined : values,
        }),
      );
    } else {
      const place = name === "verdicts" ? (code: number) => reasonNames.indexOf(this.#reason(code)) : undefined;
      const counters = carriedCounters[name] ?? [];
      this.#copies.push(copyArray(former.map, to, { convert: values, counters, layout: value.layout, place }));
    }
  }

  #reason(code: number): (typeof reasonNames)[number] {
    return this.#former.reasons[code] as (typeof reasonNames)[number];
  }
}

/** Whether programs of this shape don't use a table: it then has room for one entry. */
function isUnused({ type, maxEntries }: MapSpec): boolean {
  return type === "hash" && maxEntries === 1;
}
