// The director's network in the kernel: the ways that a program finds in it, and that nothing of it stays.
import { findLink } from "@yardmaster/linux";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createNetwork } from "./network.ts";

/** Names of the namespaces that this process made. */
const namespaces = () =>
  execFileSync("ip", ["netns", "list"], { encoding: "utf8" }).match(new RegExp(`ymoracle-${process.pid}-\\d+`, "g")) ??
  [];

describe("the director's network", () => {
  test("has the recorded links, addresses and neighbours, and is gone afterwards", () => {
    let name = "";
    {
      using network = createNetwork();
      name = network.name;
      expect(namespaces()).toContain(name);
      const [client, server] = network.enter(() => [findLink("c1"), findLink("s1")]);
      expect([client?.mac, server?.mac]).toEqual(["02:00:00:01:00:01", "02:00:00:02:00:01"]);
      expect([client?.index, server?.index]).toEqual([network.indexOf("c"), network.indexOf("s")]);
      expect([network.mtuOf("c"), network.mtuOf("s")]).toEqual([1500, 1500]);
      const forwarding = network.enter(() => readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8"));
      expect(forwarding.trim()).toBe("1");
      const get = (...words: readonly string[]) => execFileSync("ip", ["-n", name, ...words], { encoding: "utf8" });
      expect(get("route", "get", "10.2.0.30")).toContain("dev s1 src 10.2.0.1");
      expect(get("route", "get", "198.18.0.1")).toContain("via 10.1.0.2 dev c1");
      expect(get("route", "get", "10.3.0.2")).toContain("local 10.3.0.2 dev lo");
      expect(get("-6", "route", "get", "2001:db8::1")).toContain("via fd00:1::2 dev c1");
      expect(get("neighbour", "get", "10.2.0.30", "dev", "s1")).toContain("lladdr 02:00:00:02:01:1e PERMANENT");
      expect(get("neighbour", "get", "fd00:2::1e", "dev", "s1")).toContain("lladdr 02:00:00:02:01:1e PERMANENT");
      expect(get("neighbour", "get", "fd00:1::2", "dev", "c1")).toContain("lladdr 02:00:00:01:00:02 PERMANENT");
    }
    expect(namespaces()).not.toContain(name);
  });

  test("is changed by commands about itself", () => {
    using network = createNetwork(["ip link set s1 mtu 1400"]);
    expect([network.mtuOf("c"), network.mtuOf("s")]).toEqual([1500, 1400]);
  });

  test.each(["rm -rf /", "ip netns add x", "ip -n other link set s1 mtu 1400", "ip link set s1 netns 1"])(
    "is not a way to run anything else, and is gone after the refusal: %s",
    (command) => {
      const before = namespaces();
      expect(() => createNetwork([command])).toThrow("is not a command about links");
      expect(namespaces()).toEqual(before);
    },
  );
});
