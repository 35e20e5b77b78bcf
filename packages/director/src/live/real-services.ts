// Which destinations a nat server's address and port are of: by them programs tell packets of servers that belong to no
// connection (IPVS's ip_vs_has_real_service, net/netfilter/ipvs/ip_vs_ctl.c). Of several that share a port one stands
// for all.

import { addressWords } from "@yardmaster/packet";
import { familyOf } from "../address.ts";
import type { LiveMaps } from "../kernel/live-maps.ts";
import type { Protocol } from "../model/virtual-service.ts";
import { type LiveDestination, protocolNumbers, protocolsOf, type ServiceDefinition } from "./service.ts";
import type { Transaction } from "./transaction.ts";

/** What a destination answers from. */
interface RealService {
  readonly address: string;
  readonly port: number;
  readonly protocol: Protocol;
}

/** The maps of them. */
export class RealServices {
  readonly #maps: LiveMaps;
  /** Indexes of the destinations there, by text; the first is in the map. */
  readonly #held = new Map<string, readonly number[]>();
  /** By the index of the destination. */
  readonly #places = new Map<number, readonly RealService[]>();

  constructor(maps: LiveMaps) {
    this.#maps = maps;
  }

  /** Notes where a destination answers from now; undefined: it is removed. */
  place(
    transaction: Transaction,
    index: number,
    now: { readonly service: ServiceDefinition; readonly definition: LiveDestination["definition"] } | undefined,
  ): void {
    const after = now === undefined ? [] : realServicesOf(now.service, now.definition);
    const before = this.#places.get(index) ?? [];
    // Nothing of it is to be missing for a moment.
    if (textOf(after) === textOf(before)) return;
    for (const real of before) this.#hold(transaction, real, (held) => held.filter((other) => other !== index));
    for (const real of after) this.#hold(transaction, real, (held) => [...held, index]);
    transaction.set(this.#places, index, after.length === 0 ? undefined : after);
  }

  #hold(transaction: Transaction, real: RealService, change: (held: readonly number[]) => readonly number[]): void {
    const { address, port, protocol } = real;
    const text = textOf([real]);
    const before = this.#held.get(text) ?? [];
    const after = change(before);
    const key = { address: addressWords(address), port, protocol: protocolNumbers[protocol] };
    const value = ([destination]: readonly number[]) => (destination === undefined ? undefined : { destination });
    transaction.replace(this.#maps[familyOf(address)].realServices, key, value(before), value(after));
    transaction.set(this.#held, text, after.length === 0 ? undefined : after);
  }
}

function textOf(all: readonly RealService[]): string {
  return all.map(({ address, port, protocol }) => `${protocol} ${address} ${port}`).join(", ");
}

/** A destination for all ports of its service has no port that would tell its packets. */
function realServicesOf(
  { match }: ServiceDefinition,
  { address, port, forwarding }: LiveDestination["definition"],
): readonly RealService[] {
  if (forwarding !== "nat" || port === 0) return [];
  return protocolsOf(match).map((protocol) => ({ address, port, protocol }));
}
