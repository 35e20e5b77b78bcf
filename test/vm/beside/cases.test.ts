// Cases as both directors are told of them, and the judgement of what they chose: what needs no virtual machine.
import { parseConfiguration } from "@yardmaster/director";
import { expect, test } from "vitest";
import { casesOf, CONNECTIONS, ipvsadmCommands, visitsOf, yardmasterConfiguration } from "./cases.ts";
import { leadOf, shareOf } from "./compare.ts";
import { countsIn } from "./ipvs.ts";
import { layout, servers } from "./layout.ts";

const cases = casesOf(["rr", "wlc"]);

test("Yardmaster takes its configuration, whose servers stand in the reverse of ipvsadm's order", () => {
  const parsed = parseConfiguration(yardmasterConfiguration(cases, layout.directorInterfaces), "all.yaml");
  expect(parsed.configuration.services).toHaveLength(8);
  const listed = parsed.configuration.services[0]?.servers.map(({ address, weight }) => ({ address, weight }));
  expect(listed).toEqual(servers.map(({ address, weight }) => ({ address, weight })).toReversed());
  const added = ipvsadmCommands(cases).matchAll(/^-a -t 198\.51\.100\.10:2000 -r ([\d.]+):10000 -m -w (\d+)$/gm);
  expect([...added].map(([, address, weight]) => ({ address, weight: Number(weight) }))).toEqual(listed?.toReversed());
});

test("no two connections of a case are one flow", () => {
  for (const each of cases) {
    const flows = visitsOf(each).map(({ from, to }) => JSON.stringify({ from, to }));
    expect(new Set(flows).size).toBe(CONNECTIONS);
  }
});

test("a director may be a part of wrr's round ahead, not more", () => {
  const round = ["server3", "server2", "server1", "server3", "server3", "server2"];
  const ipvs = [...round, ...round];
  const later = [...round.slice(3), ...round, ...round.slice(0, 3)];
  expect(leadOf(ipvs, ipvs)).toBe(0);
  expect(leadOf(ipvs, later)).toBe(3);
  expect(leadOf(ipvs, later.with(7, "server1"))).toBeUndefined();
  expect(shareOf([...round, "ECONNREFUSED"])).toEqual([1, 2, 3, 0, 1]);
});

test("connections are read from ipvsadm's listing", () => {
  const listing = `Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
UDP  198.51.100.10:2001 wlc
  -> 10.0.0.11:10001              Masq    1      2          13        \n`;
  expect(countsIn(listing)).toEqual(["198.51.100.10:2001 -> 10.0.0.11:10001: 2 active, 13 inactive"]);
});
