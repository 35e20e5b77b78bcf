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
    // Nothing of it is to be missing for a moment.
    if (isSame(was, is)) return;
    for (const protocol of protocolsAt(was)) {
      this.#hold(transaction, protocol, was, (held) => held.filter((other) => other !== index));
    }
    for (const protocol of protocolsAt(is)) this.#hold(transaction, protocol, is, (held) => [...held, index]);
  }

  #hold(
    transaction: Transaction,
    protocol: Protocol,
    place: DestinationPlace | undefined,
    change: (held: readonly number[]) => readonly number[],
  ): void {
    if (place === undefined) return;
    const { address, port } = place.definition;
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

function isSame(a: DestinationPlace | undefined, b: DestinationPlace | undefined): boolean {
  if (a?.definition.address !== b?.definition.address || a?.definition.port !== b?.definition.port) return false;
  const [before, after] = [protocolsAt(a), protocolsAt(b)];
  return before.length === after.length && before.every((protocol, at) => protocol === after[at]);
}

const NONE: readonly Protocol[] = [];

/**
 * Of which protocols packets are that a destination answers with. One for all ports of its service has no port that
 * would tell its packets.
 */
function protocolsAt(place: DestinationPlace | undefined): readonly Protocol[] {
  if (place === undefined || place.isRemoved) return NONE;
  const { port, forwarding } = place.definition;
  return forwarding !== "nat" || port === 0 ? NONE : protocolsOf(place.owner.definition.match);
}
