// Staged conditions used as JavaScript booleans: TypeScript has nothing against them, and each is always true.
// oxlint's type-aware strict-boolean-expressions reports every one (lint.test.ts); packages that hold programs
// have the rule switched on in .oxlintrc.json.

import { type Packet, pass, tx, type Verdict } from "@yardmaster/ebpf";

export function alwaysTrue(packet: Packet): Verdict {
  const length = packet.length();
  if (length.eq(3)) return tx();
  const verdict = length.gt(100) ? tx() : pass();
  if (!length.lt(5)) return verdict;
  const both = length.eq(1) && length.eq(2);
  while (both) return pass();
  return verdict;
}
