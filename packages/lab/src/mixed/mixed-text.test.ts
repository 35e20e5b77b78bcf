// The mixed scenario in words: what a reader is shown of a good and of a failed run.
import { expect, test } from "vitest";

import { mixedLines } from "./mixed-text.ts";
import { goodResult, mixedMeasurement } from "./mixed.fixture.ts";

test("a good run", () => {
  expect(mixedLines(mixedMeasurement(goodResult)).join("\n")).toMatchInlineSnapshot(`
    "each service: 12 long connections, one after the other; 2 short ones before each, over when it opens

    service           server   weight  promised  active by status  open at the server  verdict
    mixed-sed tcp/92  server1       1         1                 1                   1  as promised
                      server2       3         3                 3                   3  as promised
                      server3       8         8                 8                   8  as promised

    servers that the long connections went to, in order:
      sed  3 3 2 3 3 3 2 3 3 1 2 3
    answered once more, by the same server, at the end: 12 of 12 long connections
    counts when all had ended and the timeouts had passed: 0 active, 0 inactive, 0 open at the servers"
  `);
});

test("a server that has something else is marked", () => {
  const standing = goodResult.standing.with(0, { host: "server1", active: 0, inactive: 0, open: 1 });
  expect(mixedLines(mixedMeasurement({ ...goodResult, standing }))).toContainEqual(
    expect.stringMatching(/^mixed-sed tcp\/92 +server1 +1 +1 +0 +1 +NOT as promised$/),
  );
});
