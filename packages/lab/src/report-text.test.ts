// The lab's report in words: what a reader is shown of a good and of a failed run.
import { expect, test } from "vitest";

import { judge } from "./expectations.ts";
import { layoutOf } from "./layouts.ts";
import { goodMeasurement } from "./measurement.fixture.ts";
import { keptText, methodText, summaryText } from "./report-text.ts";

test("a good run's report", () => {
  const measured = goodMeasurement("dr");
  const text = methodText({ ...measured, expectations: judge(layoutOf(measured, 1), measured), passed: true });
  expect(text).toMatchInlineSnapshot(`
    "
    DR: clients – router – director – servers
      director: native XDP on eth0; ready 400 ms after its start

      service     scheduler  sent  answered  failed  connections  server1  server2  server3     p50     p99
      web tcp/80  wrr          60        60       0           30    5 (5)  10 (10)  15 (15)  1.0 ms  3.0 ms
      server columns: connections (what the weights ask for)

      address that servers saw: the client's own in 60 of 60 answers, from 20 client addresses

      one packet of 203.0.113.10:40000 to 198.51.100.10:80, hop by hop:
        1. client → router
             ethernet  02:00:00:01:00:00 → 02:00:00:02:00:00
             packet    203.0.113.10:40000 → 198.51.100.10:80, tcp PA, TTL 64
        2. router → director
             ethernet  02:00:00:02:00:01 → 02:00:00:03:00:00
             packet    203.0.113.10:40000 → 198.51.100.10:80, tcp PA, TTL 63
        3. director → server1: director changed nothing but the MAC addresses and the TTL
             ethernet  02:00:00:03:00:00 → 02:00:00:05:00:00
             packet    203.0.113.10:40000 → 198.51.100.10:80, tcp PA, TTL 62
      server1 saw the client as 203.0.113.10:40000; its reply:
        4. server1 → router
             ethernet  02:00:00:05:00:00 → 02:00:00:02:00:01
             packet    198.51.100.10:80 → 203.0.113.10:40000, tcp PA, TTL 64
        5. router → client
             ethernet  02:00:00:02:00:00 → 02:00:00:01:00:00
             packet    198.51.100.10:80 → 203.0.113.10:40000, tcp PA, TTL 63

      requests: 300 packets from the client
      replies: 400 frames from the servers, 2 of them (1 %) through the director
      packets the director did not forward: pass not-ipv4 12
      all 16 expectations met
    "
  `);
});

test("expectations that are not met are named with their numbers", () => {
  const expectations = [{ what: "web: every request is answered", met: false, detail: "57 of 60" }];
  const report = { ...goodMeasurement("nat"), expectations, passed: false };
  expect(methodText(report)).toContain("NOT MET: web: every request is answered (57 of 60)");
  expect(summaryText({ name: "ymlab-1-2-abcd", kept: false, methods: [report], passed: false })).toBe(
    "The lab FAILED for nat-ipv4-shares.\n",
  );
});

test("a network that is left standing says how to use it", () => {
  const text = keptText({ layout: layoutOf({ method: "dr" }, 1), prefix: "ymlab-1-2-abcd-dr" }, "/run/dr.sock");
  expect(text).toContain("ip netns exec ymlab-1-2-abcd-dr-server3 bash\n");
  expect(text).toContain("ip netns exec ymlab-1-2-abcd-dr-client curl http://198.51.100.10:80/\n");
  expect(text).toContain("yardmaster status --socket /run/dr.sock\n");
  const tools = layoutOf({ method: "nat", scenario: "tools", family: "ipv6" }, 1);
  const ofTools = keptText({ layout: tools, prefix: "lab" }, "/run/nat.sock");
  expect(ofTools).toContain("  ip netns exec lab-client curl http://[2001:db8:100::10]:80/\n");
  expect(ofTools).toContain("  ip netns exec lab-client iperf3 --client 2001:db8:100::10 --port 5201\n");
  expect(ofTools).toContain("  ip netns exec lab-client dig @2001:db8:100::10 -p 53 TXT server.yardmaster.test\n");
});
