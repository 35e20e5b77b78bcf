// The layouts: whole networks, and configurations that the director accepts as they are.
import { parseConfiguration } from "@yardmaster/director";
import { describe, expect, test } from "vitest";

import { choicesFor } from "./choices.ts";
import { directorConfig } from "./director-config.ts";
import { LabError } from "./lab-error.ts";
import { layoutOf } from "./layouts.ts";

const runs = [
  ...choicesFor({ scenario: "all", family: "all", hook: "all" }),
  ...choicesFor({ scenario: "containers", family: "all" }),
];

describe.each(runs)("the layout for $method, $family, scenario $scenario, hook $hook", (choice) => {
  const layout = layoutOf(choice, 20);

  test("every cable ends at two hosts, and every interface is used once", () => {
    const hosts = new Set(layout.hosts.map(({ name }) => name));
    const ends = layout.links.flatMap((link) => link.ends);
    expect(ends.filter(({ host }) => !hosts.has(host))).toEqual([]);
    expect(new Set(ends.map(({ host, interfaceName }) => `${host} ${interfaceName}`)).size).toBe(ends.length);
  });

  test("addresses and the director's interfaces are on interfaces that exist", () => {
    const ends = layout.links.flatMap((link) => link.ends);
    const exists = (host: string, name: string): boolean =>
      name === "lo" ||
      layout.hosts.some((each) => each.name === host && each.bridge?.name === name) ||
      ends.some((end) => end.host === host && end.interfaceName === name);
    const addresses = layout.hosts.flatMap((host) => host.addresses.map((each) => ({ host: host.name, ...each })));
    expect(addresses.filter(({ host, interfaceName }) => !exists(host, interfaceName))).toEqual([]);
    expect(layout.directorInterfaces.filter((name) => !exists("director", name))).toEqual([]);
  });

  test("its configuration file has no fault, and the director reads from it what the layout says", () => {
    const { configuration, warnings } = parseConfiguration(directorConfig(layout), "lab.yaml");
    expect(warnings).toEqual([]);
    expect(configuration.director.interfaces).toEqual(layout.directorInterfaces);
    expect(
      configuration.services.map(({ name, match, scheduler, forwarding, servers }) => ({
        identity: { name, match, scheduler, forwarding },
        servers: servers.map((server) => `${server.address}:${server.port} ${server.weight}`),
      })),
    ).toEqual(
      layout.services.map(({ name, address, port, protocol, scheduler, destinations }) => ({
        identity: { name, match: { kind: "exact", address, port, protocol }, scheduler, forwarding: choice.method },
        servers: destinations.map((server) => `${server.address}:${server.port} ${server.weight}`),
      })),
    );
  });

  test.each([0, 201, 1.5])("refuses %d clients", (clients) => {
    expect(() => layoutOf(choice, clients)).toThrow(LabError);
  });
});
