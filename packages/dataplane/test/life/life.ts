// All stories of connections.

import type { BpfHost } from "@yardmaster/ebpf";
import { afterAll, describe } from "vitest";
import { Stage } from "../stage.ts";
import { endings } from "./endings.ts";
import { describeFlood } from "./flood.ts";
import { handshakes } from "./handshakes.ts";
import { openings } from "./openings.ts";
import { persistence } from "./persistence.ts";
import { describeStories } from "./story.ts";
import { thresholds } from "./thresholds.ts";
import { describeTransitions } from "./transitions.ts";
import { walks } from "./walks.ts";

/** Registers them, on any host. */
export function describeLife(createHost: () => BpfHost): void {
  const stage = new Stage(createHost);
  afterAll(() => stage[Symbol.dispose]());
  describe("states", () => describeStories(stage, walks));
  describe("transitions", () => describeTransitions(createHost));
  describe("handshakes", () => describeStories(stage, handshakes));
  describe("openings", () => describeStories(stage, openings));
  describe("a flood", () => describeFlood(createHost));
  describe("thresholds", () => describeStories(stage, thresholds));
  describe("persistence", () => describeStories(stage, persistence));
  describe("endings", () => describeStories(stage, endings));
}
