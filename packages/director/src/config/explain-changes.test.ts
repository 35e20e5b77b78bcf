// `drain` and `slowStart`: what can be written, and what is said of the rest.
import { expect, test } from "vitest";
import { formatFaults, type ConfigurationError } from "./fault.ts";
import { parseConfiguration } from "./parse-configuration.ts";

const file = (settings: string, servers = "[{ address: 10.0.0.11, weight: 10 }]") => `services:
  web: { address: 198.51.100.10, port: 80, forwarding: nat, ${settings}, servers: ${servers} }
`;
const read = (settings: string) => parseConfiguration(file(settings), "y.yaml").configuration.services[0];

function faultsOf(text: string): string {
  try {
    return formatFaults(parseConfiguration(text, "y.yaml").warnings);
  } catch (error) {
    return (error as ConfigurationError).message;
  }
}

test("durations, or off", () => {
  expect(read("drain: 90s, slowStart: 30s")).toMatchObject({ drainMs: 90_000, slowStartMs: 30_000 });
  expect(read("drain: off, slowStart: off")).toMatchObject({ drainMs: 0 });
  expect(read("drain: 5m")).not.toHaveProperty("drainMs");
  expect(read("drain: off")).not.toHaveProperty("slowStartMs");
});

test("of one server", () => {
  const servers = "[{ address: 10.0.0.11, drain: 90s }, { address: 10.0.0.12, drain: off }, { address: 10.0.0.13 }]";
  const [web] = parseConfiguration(file("drain: 1m", servers), "y.yaml").configuration.services;
  expect(web?.servers.map(({ drainMs }) => drainMs)).toEqual([90_000, 0, undefined]);
  expect(faultsOf(file("drain: 1m", "[{ address: 10.0.0.11, drain: later }]"))).toMatch(/this server may keep/);
});

test("what is neither", () => {
  for (const value of ["5", "soon", "10ms", "[]", "true"]) {
    expect(faultsOf(file(`drain: ${value}`))).toMatch(/^y\.yaml:2:\d+: error: .*/);
    expect(faultsOf(file(`slowStart: ${value}`))).toMatch(/a duration such as 30s, or off/);
  }
});

test("a slow start needs weights, and a scheduler that goes by them", () => {
  expect(faultsOf(file("slowStart: 30s, scheduler: mh"))).toMatch(/no effect with scheduler mh/);
  expect(faultsOf(file("slowStart: 30s", "[{ address: 10.0.0.11 }]"))).toMatch(/no steps to take/);
  expect(faultsOf(file("slowStart: 30s"))).toBe("");
});
