// Routes of simulated hosts, as the lab's layouts write them.
import { expect, test } from "vitest";

import { RouteTable } from "./route-table.ts";

const table = new RouteTable({
  name: "router",
  addresses: [
    { interfaceName: "lo", address: "198.51.100.10/32" },
    { interfaceName: "eth0", address: "203.0.113.1/24" },
    { interfaceName: "eth1", address: "192.0.2.1/24" },
  ],
  routes: ["default via 203.0.113.254", "198.51.100.0/24 via 192.0.2.2", "198.51.100.128/25 via 192.0.2.3"],
});

test.each([
  ["192.0.2.9", "eth1", "192.0.2.9"],
  ["198.51.100.10", "eth1", "192.0.2.2"],
  ["198.51.100.200", "eth1", "192.0.2.3"],
  ["203.0.113.7", "eth0", "203.0.113.7"],
  ["10.0.0.1", "eth0", "203.0.113.254"],
])("%s goes by %s to %s", (address, interfaceName, nextHop) => {
  expect(table.find(address)).toEqual({ interfaceName, nextHop });
});

test("routes of IPv6 are of their own", () => {
  const host = {
    name: "router",
    addresses: [
      { interfaceName: "eth0", address: "2001:db8:113::1/64" },
      { interfaceName: "eth1", address: "2001:db8:2::1/64" },
    ],
    routes: ["default via 2001:db8:113::9", "2001:db8:100::/64 via 2001:db8:2::2"],
  };
  const of6 = new RouteTable(host);
  expect(of6.find("2001:db8:100::10")).toEqual({ interfaceName: "eth1", nextHop: "2001:db8:2::2" });
  expect(of6.find("fd00:10::11")).toEqual({ interfaceName: "eth0", nextHop: "2001:db8:113::9" });
  expect(of6.find("10.0.0.1")).toBeUndefined();
});

test("without a route there is no way, and a gateway must be on a link", () => {
  const host = { name: "a", addresses: [{ interfaceName: "eth0", address: "10.0.0.1/24" }] };
  expect(new RouteTable({ ...host, routes: [] }).find("10.0.1.1")).toBeUndefined();
  expect(() => new RouteTable({ ...host, routes: ["default via 10.9.9.9"] })).toThrow(
    'routing on host "a": no link leads to the gateway of "default via 10.9.9.9"',
  );
});
