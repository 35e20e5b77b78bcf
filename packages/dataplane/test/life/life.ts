// All stories of connections.

import type { BpfHost } from "@yardmaster/ebpf";
import { describe } from "vitest";
import { endings } from "./endings.ts";
import { describeFlood } from "./flood.ts";
import { openings } from "./openings.ts";
import { persistence } from "./persistence.ts";
import { describeStories } from "./story.ts";
import { thresholds } from "./thresholds.ts";
import { describeTransitions } from "./transitions.ts";
import { walks } from "./walks.ts";

/** Registers them, on any host. */
export function describeLife(createHost: () => BpfHost): void {
  describe("states", () => describeStories(createHost, walks));
  describe("transitions", () => describeTransitions(createHost));
  describe("openings", () => describeStories(createHost, openings));
  describe("a flood", () => describeFlood(createHost));
  describe("thresholds", () => describeStories(createHost, thresholds));
  describe("persistence", () => describeStories(createHost, persistence));
  describe("endings", () => describeStories(createHost, endings));
}
