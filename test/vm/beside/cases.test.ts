// Cases as both directors are told of them, and the judgement of what they chose: what needs no virtual machine.
import { parseConfiguration } from "@yardmaster/director";
import { expect, test } from "vitest";
import { casesOf, CONNECTIONS, ipvsadmCommands, markCommands, visitsOf, yardmasterConfiguration } from "./cases.ts";
import { chosenAtAll, differenceOf, shareOf } from "./compare.ts";
import { countsIn } from "./ipvs.ts";
import { layout, servers } from "./layout.ts";

const cases = casesOf(["rr", "wlc"]);

test("Yardmaster takes its configuration, whose servers stand in ipvsadm's order", () => {
  const parsed = parseConfiguration(yardmasterConfiguration(cases, layout.directorInterfaces), "all.yaml");
  expect(parsed.configuration.services).toHaveLength(8);
  const listed = parsed.configuration.services[0]?.servers.map(({ address, weight }) => ({ address, weight }));
  expect(listed).toEqual(servers.map(({ address, weight }) => ({ address, weight })));
  const added = ipvsadmCommands(cases).matchAll(/^-a -t 198\.51\.100\.10:2000 -r ([\d.]+):10000 -m -w (\d+)$/gm);
  expect([...added].map(([, address, weight]) => ({ address, weight: Number(weight) }))).toEqual(listed);
});

test("no two connections of a case are one flow", () => {
  for (const each of cases) {
    const flows = visitsOf(each).map(({ from, to }) => JSON.stringify({ from, to }));
    expect(new Set(flows).size).toBe(CONNECTIONS);
  }
});

test("services of several addresses are services by mark to IPVS, and their packets get the mark", () => {
  const marked = casesOf(["dh"]);
  expect(ipvsadmCommands(marked)).toMatch(/^-A -f 2001 -s dh\n-a -f 2001 -r 10\.0\.0\.11:10001 -m -w 1$/m);
  expect(markCommands(marked, "eth0")).toMatch(/ip_proto udp dst_port 2001 action skbedit mark 2001$/m);
  expect(markCommands(cases, "eth0")).not.toContain("mark");
});

test("what was chosen is compared one by one, and counted", () => {
  const ipvs = ["server3", "server2", "server1", "server3", "ECONNREFUSED"];
  expect(differenceOf(ipvs, ipvs)).toBeUndefined();
  expect(differenceOf(ipvs, ipvs.with(3, "server2"))).toBe(3);
  expect(shareOf(ipvs)).toEqual([1, 1, 2, 0, 1]);
  expect(chosenAtAll(ipvs)).toEqual(["ECONNREFUSED", "server1", "server2", "server3"]);
});

test("connections are read from ipvsadm's listing", () => {
  const listing = `Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
UDP  198.51.100.10:2001 wlc
  -> 10.0.0.11:10001              Masq    1      2          13        \n`;
  expect(countsIn(listing)).toEqual(["10.0.0.11:10001: 2 active, 13 inactive"]);
});
