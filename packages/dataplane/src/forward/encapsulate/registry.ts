// All encapsulations by name. Adding one is a file and a line here.

import type { FamilyName } from "../../family.ts";
import { Ipv4, Ipv6 } from "../../headers.ts";
import type { Encapsulation, EncapsulationName } from "./encapsulation.ts";
import { gre } from "./gre.ts";
import { gue } from "./gue.ts";
import { ipip } from "./ipip.ts";

export const encapsulations: Readonly<Record<EncapsulationName, Encapsulation>> = { ipip, gue, gre };

/** Bytes of an IP header without options, outer ones are. */
export const outerSizes: Readonly<Record<FamilyName, number>> = { ipv4: Ipv4.size, ipv6: Ipv6.size };

/** Bytes that a tunnel adds to each packet; `outer` is the family of the server's address. */
export function tunnelOverhead(
  name: EncapsulationName,
  outer: FamilyName,
  { hasChecksum }: { readonly hasChecksum: boolean },
): number {
  return outerSizes[outer] + encapsulations[name].size[hasChecksum ? "withChecksum" : "plain"];
}
