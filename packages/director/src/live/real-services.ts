// Which destinations a nat server's address and port are of: by them programs tell packets of servers that belong to no
// connection (IPVS's ip_vs_has_real_service, net/netfilter/ipvs/ip_vs_ctl.c). Of several that share a port one stands
// for all.

import { addressWords } from "@yardmaster/packet";
import { familyOf } from "../address.ts";
import type { LiveMaps } from "../kernel/live-maps.ts";
import type { Protocol } from "../model/virtual-service.ts";
import type { DestinationPlace } from "./records.ts";
import { protocolNumbers, protocolsOf } from "./service.ts";
import type { Transaction } from "./transaction.ts";

/** What a destination answers from. */
interface RealService {
  readonly address: string;
  readonly port: number;
  readonly protocol: Protocol;
}

/** One index, where there is only one, as nearly everywhere. */
type Held = number | readonly number[];

/** The maps of them. */
export class RealServices {
  readonly #maps: LiveMaps;
  /** Indexes of the destinations there, by text; the first is in the map. */
  readonly #held = new Map<string, Held>();

  constructor(maps: LiveMaps) {
    this.#maps = maps;
  }

  /** Notes where a destination answers from now, and where it did; undefined: nowhere. */
  place(
    transaction: Transaction,
    index: number,
    was: DestinationPlace | undefined,
    is: DestinationPlace | undefined,
  ): void {
    const [before, after] = [realServicesOf(was), realServicesOf(is)];
    // Nothing of it is to be missing for a moment.
    if (before.length === after.length && before.every((real, at) => isSame(real, after[at]))) return;
    for (const real of before) this.#hold(transaction, real, (held) => held.filter((other) => other !== index));
    for (const real of after) this.#hold(transaction, real, (held) => [...held, index]);
  }

  #hold(transaction: Transaction, real: RealService, change: (held: readonly number[]) => readonly number[]): void {
    const { address, port, protocol } = real;
    const text = `${protocol} ${address} ${port}`;
    const before = listOf(this.#held.get(text));
    const after = change(before);
    const [first] = after;
    const key = { address: addressWords(address), port, protocol: protocolNumbers[protocol] };
    const value = ([destination]: readonly number[]) => (destination === undefined ? undefined : { destination });
    transaction.replace(this.#maps[familyOf(address)].realServices, key, value(before), value(after));
    transaction.set(this.#held, text, after.length > 1 ? after : first);
  }
}

function listOf(held: Held | undefined): readonly number[] {
  if (held === undefined) return [];
  return typeof held === "number" ? [held] : held;
}

function isSame(a: RealService, b: RealService | undefined): boolean {
  return a.address === b?.address && a.port === b.port && a.protocol === b.protocol;
}

const NONE: readonly RealService[] = [];

/** A destination for all ports of its service has no port that would tell its packets. */
function realServicesOf(place: DestinationPlace | undefined): readonly RealService[] {
  if (place === undefined || place.isRemoved) return NONE;
  const { address, port, forwarding } = place.definition;
  if (forwarding !== "nat" || port === 0) return NONE;
  return protocolsOf(place.owner.definition.match).map((protocol) => ({ address, port, protocol }));
}
