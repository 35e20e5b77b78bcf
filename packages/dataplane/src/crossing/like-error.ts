// Which ICMP error of one address family stands for one of the other: RFC 7915, sections 4.2 and 5.2, as far as it is
// about errors that say where packets got to. Parameter problems, source quench and redirects have no like.

import { type Int, type Reference, u32, type Variable, variable, when } from "@yardmaster/ebpf";
import type { FamilyName } from "../family.ts";
import type { Icmp } from "../headers.ts";
import { DIFFERENCE, IPV6_LEAST_MTU } from "./translate-packet.ts";

interface Like {
  readonly type: number;
  readonly codes: readonly number[] | "all";
  /** Code "same": it stays. */
  readonly becomes: readonly [type: number, code: number | "same"];
  readonly tellsMtu?: true;
}

/** Where a packet of the family could not go on, and what the other one calls that. */
const likes: Readonly<Record<FamilyName, readonly Like[]>> = {
  ipv4: [
    { type: 3, codes: [0, 1, 5, 6, 7, 8, 11, 12], becomes: [1, 0] },
    { type: 3, codes: [9, 10, 13, 15], becomes: [1, 1] },
    { type: 3, codes: [3], becomes: [1, 4] },
    { type: 3, codes: [4], becomes: [2, 0], tellsMtu: true },
    { type: 11, codes: "all", becomes: [3, "same"] },
  ],
  ipv6: [
    { type: 1, codes: [0, 2, 3], becomes: [3, 1] },
    { type: 1, codes: [1], becomes: [3, 10] },
    { type: 1, codes: [4], becomes: [3, 3] },
    { type: 2, codes: "all", becomes: [3, 4], tellsMtu: true },
    { type: 3, codes: "all", becomes: [11, "same"] },
  ],
};

/** The error of the other family: type in the upper byte, code in the next one, MTU in the lower half; 0: none. */
export function likeOf(family: FamilyName, icmp: Reference<typeof Icmp.fields>): Int<"u32"> {
  const found = variable(u32(0));
  const { type, code } = icmp;
  for (const like of likes[family]) {
    const [newType, newCode] = like.becomes;
    const isMeant = type.eq(like.type);
    when(like.codes === "all" ? isMeant : isMeant.and(isAmong(code, like.codes)), () => {
      const codeBits = newCode === "same" ? code.toU32().shl(16) : u32(newCode << 16);
      found.set(codeBits.or((newType << 24) >>> 0));
      if (like.tellsMtu === true) tellMtu(family, icmp, found);
    });
  }
  return found.get();
}

function isAmong(code: Int<"u8">, codes: readonly number[]) {
  const bits = codes.reduce((sum, one) => sum | (1 << one), 0) >>> 0;
  return code.lt(32).and(u32(1).shl(code.and(31)).and(bits).ne(0));
}

/**
 * The MTU in the other family. IPv6 knows none below 1280, and IPv4 none above 65535; one of 0 (routers from before RFC
 * 1191) says nothing.
 */
function tellMtu(family: FamilyName, icmp: Reference<typeof Icmp.fields>, found: Variable<Int<"u32">>): void {
  const stated = icmp.parameter.toHost();
  const six = variable(family === "ipv6" ? stated : stated.and(0xffff).add(DIFFERENCE));
  when(six.get().lt(IPV6_LEAST_MTU), () => six.set(u32(IPV6_LEAST_MTU)));
  when(six.get().gt(0xffff), () => six.set(u32(0xffff)));
  found.set(found.get().or(family === "ipv6" ? six.get().sub(DIFFERENCE) : six.get()));
}
