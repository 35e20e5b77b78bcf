// Options that are refused, alone or together, and what is in force where nothing is said.
import { buildPcapng, ethernet, frame, ipv4, tcp } from "@yardmaster/packet";
import { expect, test } from "vitest";
import type { OptionTexts } from "./settings/options.ts";
import { prepareSimulation } from "./simulation.ts";

const capture = buildPcapng({
  interfaces: [{}],
  packets: [0n, 2_000_000_000n].map((timestampNs, index) => ({
    interface: 0,
    timestampNs,
    bytes: frame(
      ethernet({ source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" }),
      ipv4({ source: "203.0.113.7", destination: "192.0.2.80" }),
      tcp({ sourcePort: 40_000 + index, destinationPort: 443, flags: "S" }),
    ),
  })),
});

test("without a word the defaults are in force, and said", () => {
  const { settings, warmUpMs, workload, servers } = prepareSimulation({});
  expect(settings).toMatchObject({ scheduler: "all", rate: "200/s", duration: "60s", seed: "1", forwarding: "dr" });
  expect(settings).not.toHaveProperty("capture");
  expect({ warmUpMs, expected: workload.expected, servers: servers.length }).toEqual({
    warmUpMs: 6_000,
    expected: 12_000,
    servers: 5,
  });
});

test("of a capture only what counts is in force", () => {
  const { settings, workload, warmUpMs } = prepareSimulation({ capture: "a.pcap" }, capture);
  for (const name of ["rate", "arrivals", "connections", "clients", "duration", "destinations"]) {
    expect(settings).not.toHaveProperty(name);
  }
  expect({ expected: workload.expected, durationMs: workload.durationMs, warmUpMs }).toEqual({
    expected: 2,
    durationMs: 2_000,
    warmUpMs: 200,
  });
  const shorter = prepareSimulation({ capture: "a.pcap", duration: "1s" }, capture);
  expect({ ...shorter.workload, flows: [...shorter.workload.flows()].length }).toMatchObject({
    durationMs: 1_000,
    flows: 1,
  });
});

test.each<[string, OptionTexts, string]>([
  ["a value that is none, by its name", { rate: "200" }, 'reading rate: "200" is no rate'],
  ["a scheduler that is none", { scheduler: "wlc,wlx" }, 'reading scheduler: there is no scheduler "wlx"'],
  ["an option that is none", { schedulerOptions: "sh-fast" }, '"sh-fast" is not an option of a scheduler'],
  ["an option that nobody has", { scheduler: "wlc,mh", schedulerOptions: "sh-port" }, "none of the schedulers has"],
  ["a compatibility that is none", { compatibility: "lvs" }, '"lvs" is not a compatibility'],
  ["a protocol that is none", { protocol: "sctp" }, '"sctp" is not a protocol'],
  ["a place without a capture", { to: "192.0.2.80" }, "to says what to take from a capture, and there is none"],
  ["destinations of no capture", { destinations: "captured" }, "destinations: captured says what to take"],
  ["nothing but warm-up", { warmUp: "60s" }, "all of the 60000 ms is warm-up"],
  ["more than can be played", { rate: "100000/s" }, "6000000 connections are too many to play"],
])("%s is refused", (_, texts, message) => {
  expect(() => prepareSimulation(texts)).toThrow(message);
});

test.each<[string, OptionTexts, string]>([
  ["a rate", { rate: "200/s" }, "a capture has its own rate"],
  ["clients", { clients: "5" }, "a capture has its own clients"],
  ["a number of destinations", { destinations: "5" }, "a capture has its own destinations"],
  ["an endpoint that is none", { to: "web:80" }, '"web:80" is no IPv4 address'],
  ["a protocol that is not in it", { protocol: "udp" }, "the capture holds no udp connection"],
])("%s beside a capture is refused", (_, texts, message) => {
  expect(() => prepareSimulation({ capture: "a.pcap", ...texts }, capture)).toThrow(message);
});

test("a slip in a scheduler's name is met with the one that was meant", () => {
  expect(() => prepareSimulation({ scheduler: "wlx" })).toThrow(expect.objectContaining({ hint: "did you mean wlc?" }));
});
