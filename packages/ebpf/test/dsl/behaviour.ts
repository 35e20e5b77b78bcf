// What each part of the DSL does to numbers, packets and maps, as tests over any host: the interpreter and the
// kernel are held to the same words.

import { describe } from "vitest";
import type { BpfHost } from "@yardmaster/ebpf";
import { describeChecksums } from "./behaviour-checksums.ts";
import { describeCopies } from "./behaviour-copies.ts";
import { describeFunctions } from "./behaviour-functions.ts";
import { describeGlobals } from "./behaviour-globals.ts";
import { describeIcmp } from "./behaviour-icmp.ts";
import { describeMaps } from "./behaviour-maps.ts";
import { describeMemory } from "./behaviour-memory.ts";
import { describeNumbers } from "./behaviour-numbers.ts";
import { describePackets } from "./behaviour-packets.ts";
import { describeTc } from "./behaviour-tc.ts";

/** Registers the tests; `createHost` is called once for each. */
export function describeBehaviour(name: string, createHost: () => BpfHost): void {
  describe(`${name}: numbers`, () => describeNumbers(createHost));
  describe(`${name}: memory`, () => describeMemory(createHost));
  describe(`${name}: copies`, () => describeCopies(createHost));
  describe(`${name}: checksums`, () => describeChecksums(createHost));
  describe(`${name}: maps`, () => describeMaps(createHost));
  describe(`${name}: packets`, () => describePackets(createHost));
  describe(`${name}: ICMP errors`, () => describeIcmp(createHost));
  describe(`${name}: tc`, () => describeTc(createHost));
  describe(`${name}: functions and loops`, () => describeFunctions(createHost));
  describe(`${name}: global functions`, () => describeGlobals(createHost));
}
