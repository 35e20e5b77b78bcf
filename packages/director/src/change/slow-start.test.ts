// What a slow start says of itself: one line when it begins, one when it is over, whatever happens in between.
import { expect, test } from "vitest";
import { service } from "../../test/sample.ts";
import type { Facts } from "../log/report.ts";
import { Overlay } from "./overlay.ts";
import { Transitions } from "./transitions.ts";

test("a slow start is two lines of the log", () => {
  let nowMs = 0;
  const said: { readonly line: string; readonly facts: Facts | undefined }[] = [];
  const transitions = new Transitions({
    ...{ overlay: new Overlay(), connectionsOf: () => 0, now: () => nowMs },
    report: (line, facts) => said.push({ line, facts }),
  });
  const before = service({ slowStartMs: 30_000, servers: [{ address: "10.0.0.11", weight: 10 }] });
  const after = { ...before, servers: [...before.servers, { ...before.servers[0]!, address: "10.0.0.12" }] };
  transitions.begin([before], [after]);
  for (nowMs of [0, 1_000, 15_000, 29_999, 30_000, 31_000]) transitions.tend();
  expect(said).toMatchObject([
    {
      line: "web: server 10.0.0.12:80 begins with weight 1 of 10, and has it whole in 30 s",
      facts: { event: "slowStartBegun", cause: "slowStart", service: "web", server: "10.0.0.12:80" },
    },
    { line: "web: server 10.0.0.12:80 has its weight 10", facts: { event: "slowStartEnded", cause: "slowStart" } },
  ]);
});
