// The local address of a connection from an IPv4 client to a server of IPv6. Its entry has room for four bytes: a
// number made from the address, under which the address itself is written down once, however many connections have it.

import { type Int, Net, u32, variable, when } from "@yardmaster/ebpf";
import { type Address, isSameAddress, wordsOf } from "../address.ts";
import type { ConnectionReference } from "../life.ts";
import { mix } from "../mix.ts";
import type { BalancerMaps } from "../schema.ts";

/** The number. Two addresses with the same one cannot both be used: of a thousand, two are once in 8,600 times. */
export function nameOf(address: Address): Int<"u32"> {
  return wordsOf(address).reduce((name: Int<"u32">, word) => mix(name.xor(word.toHost())), u32(0));
}

/** What naming comes to where another address has the name. */
export const TAKEN = 1;

/** Has `connection` say that this is its local address: 0, TAKEN, or what the map's update returned. */
export function nameLocalAddress(
  { localNames }: BalancerMaps,
  connection: ConnectionReference,
  address: Address,
): Int<"u32"> {
  const name = nameOf(address);
  connection.address.set(0, new Net("be32", name.operand()));
  const outcome = variable(u32(0));
  localNames
    .lookup({ name })
    .then((known) => when(isSameAddress(known.address, address).not(), () => outcome.set(u32(TAKEN))))
    .otherwise(() => outcome.set(localNames.update({ name }, { address })));
  return outcome.get();
}

/** The local address of such a connection. */
export function localAddressOf({ localNames }: BalancerMaps, { address }: ConnectionReference) {
  return localNames.lookup({ name: address.at(0).raw() });
}
