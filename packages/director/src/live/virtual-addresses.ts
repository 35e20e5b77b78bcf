// Which addresses are virtual, whatever their ports: those of the services that there are. The programs answer pings
// to them.

import type { FamilyName } from "@yardmaster/dataplane";
import { addressWords, formatAddress, formatPrefix, parsePrefix } from "@yardmaster/packet";
import type { LiveMaps } from "../kernel/live-maps.ts";
import { prefixesOf, type ServiceMatch } from "../model/virtual-service.ts";
import type { Transaction } from "./transaction.ts";

/** A prefix that services have. */
interface Held {
  readonly family: FamilyName;
  /** Bits of the address that count. */
  readonly prefixLength: number;
  readonly address: readonly number[];
  readonly services: number;
}

/** The maps of virtual addresses, in which each is counted as often as services have it. */
export class VirtualAddresses {
  readonly #maps: LiveMaps;
  /** By the text of the prefix. */
  readonly #held = new Map<string, Held>();

  constructor(maps: LiveMaps) {
    this.#maps = maps;
  }

  /** Puts the addresses of `after` in the place of those of `before`; undefined: there are none. */
  change(transaction: Transaction, before: ServiceMatch | undefined, after: ServiceMatch | undefined): void {
    for (const prefix of prefixTexts(after)) this.#count(transaction, prefix, 1);
    for (const prefix of prefixTexts(before)) this.#count(transaction, prefix, -1);
  }

  #count(transaction: Transaction, text: string, by: 1 | -1): void {
    const known = this.#held.get(text) ?? nobodys(text);
    const now = { ...known, services: known.services + by };
    const { family, prefixLength, address } = now;
    const value = ({ services }: Held) => (services === 0 ? undefined : { services });
    const key = { prefixLength, data: { address: [...address] } };
    transaction.replace(this.#maps[family].virtualAddresses, key, value(known), value(now));
    transaction.set(this.#held, text, now.services === 0 ? undefined : now);
  }
}

/** Where a service has its packets by a mark, the addresses are somebody's who does not know of it. */
function prefixTexts(match: ServiceMatch | undefined): readonly string[] {
  if (match === undefined || match.kind === "mark") return [];
  return [...new Set(prefixesOf(match).map((text) => formatPrefix(parsePrefix(text))))];
}

function nobodys(text: string): Held {
  const { address, length } = parsePrefix(text);
  const words = addressWords(formatAddress(address));
  return { family: words.length === 1 ? "ipv4" : "ipv6", prefixLength: length, address: words, services: 0 };
}
