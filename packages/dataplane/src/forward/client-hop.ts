// Where the way to an address is cached that packets go back to.

import type { Int } from "@yardmaster/ebpf";
import { type Address, isSameAddress } from "../address.ts";
import type { Family } from "../family.ts";
import { reasons } from "../reasons.ts";
import { type BalancerMaps, CLIENT_HOPS } from "../schema.ts";

/** The place for the way to `address`, and whether what is cached there is another's. */
export function clientHop(maps: BalancerMaps, family: Family, address: Address) {
  const client = maps[family.name].clientHops.lookup(clientSlot(address)).orDrop(reasons.internal);
  return { client, hop: client.hop, isOther: isSameAddress(client.address, address).not() };
}

/** The upper bits of a multiplicative hash. */
export function clientSlot(address: Address, slots = CLIENT_HOPS): Int<"u32"> {
  let folded = address.at(0).raw();
  for (let index = 1; index < address.length; index++) folded = folded.xor(address.at(index).raw());
  return folded.mul(0x9e37_79b1).shr(32 - Math.log2(slots));
}
