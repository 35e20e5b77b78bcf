// The lab's report in words: what a reader is shown of a good and of a failed run.
import { expect, test } from "vitest";

import { judge } from "./expectations.ts";
import { directRoutingLayout } from "./layout-dr.ts";
import { goodMeasurement } from "./measurement.fixture.ts";
import { keptText, methodText, summaryText } from "./report-text.ts";

test("a good run's report", () => {
  const measured = goodMeasurement("dr");
  const text = methodText({ ...measured, expectations: judge(measured), passed: true });
  expect(text).toMatchInlineSnapshot(`
    "
    DR: clients – router – director – servers
      director: native XDP on eth0; ready 400 ms after its start

      service     scheduler  sent  answered  failed  connections  server1  server2  server3     p50     p99
      web tcp/80  wrr          60        60       0           30    5 (5)  10 (10)  15 (15)  1.0 ms  3.0 ms
      server columns: connections (what the weights ask for)

      address that servers saw: the client's own in 60 of 60 answers, from 20 client addresses
      requests: 300 frames, router to director
      replies: 400 frames from the servers, 2 of them (1 %) through the director
      packets the director did not forward: pass not-ipv4 12
      all 9 expectations met
    "
  `);
});

test("expectations that are not met are named with their numbers", () => {
  const expectations = [{ what: "web: every request is answered", met: false, detail: "57 of 60" }];
  const report = { ...goodMeasurement("nat"), expectations, passed: false };
  expect(methodText(report)).toContain("NOT MET: web: every request is answered (57 of 60)");
  expect(summaryText({ name: "ymlab-1-2-abcd", kept: false, methods: [report], passed: false })).toBe(
    "The lab FAILED for nat.\n",
  );
});

test("a network that is left standing says how to use it", () => {
  const text = keptText({ layout: directRoutingLayout(1), prefix: "ymlab-1-2-abcd-dr" }, "/run/dr.sock");
  expect(text).toContain("ip netns exec ymlab-1-2-abcd-dr-server3 bash\n");
  expect(text).toContain("ip netns exec ymlab-1-2-abcd-dr-client curl http://198.51.100.10:80/\n");
  expect(text).toContain("yardmaster status --socket /run/dr.sock\n");
});
