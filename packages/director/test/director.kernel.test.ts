// A director at work in a network of its own: it ends connections by itself, and outlives its interfaces.

import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { assertNothingOpen, findLink } from "@yardmaster/linux";
import { ethernet, frame, ipv4, udp } from "@yardmaster/packet";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { connectionList, directorStatus } from "../src/api/status-schemas.ts";
import { Director } from "../src/director.ts";
import { defaultTimeoutsMs } from "../src/model/configuration.ts";
import type { VirtualService } from "../src/model/virtual-service.ts";
import { createDirectorNetwork, type DirectorNetwork } from "./director-network.ts";
import { describeKernel } from "./kernel-test.ts";
import { configuration, service, VIP } from "./sample.ts";

const MOST_POLLS = 3000;
const dns = service({ port: 53, protocol: "udp", forwarding: "nat", servers: [{ address: "10.0.0.11" }] });
/** Where packets can be handed to the program as they are. */
const atXdp = { interfaces: ["front", "back"], hook: "xdp-generic" } as const;

describeKernel("a director", () => {
  let network: DirectorNetwork;
  const reports: string[] = [];
  beforeAll(() => {
    network = createDirectorNetwork();
  });
  afterAll(() => network[Symbol.dispose]());
  afterEach(assertNothingOpen);

  const bringUp = (udpTimeoutMs = 100): Director =>
    network.enter(() => {
      const wanted = configuration([dns], {
        ...atXdp,
        timeoutsMs: { ...defaultTimeoutsMs, udp: udpTimeoutMs },
      });
      return new Director({
        configuration: wanted,
        fileName: "y.yaml",
        version: "0",
        report: (line) => reports.push(line),
      });
    });

  /** A packet from a client, on the interface "front". */
  function send(director: Director, sourcePort: number): void {
    network.enter(() => {
      const link = findLink("front");
      const packet = frame(
        ethernet({ source: "02:00:00:00:00:fe", destination: link?.mac ?? "" }),
        ipv4({ source: "198.51.100.2", destination: VIP }),
        udp({ sourcePort, destinationPort: 53 }),
        "question",
      );
      director.dataplane.program.run({ packet, ingressIfindex: link?.index ?? 0 });
    });
  }

  test("says of itself what the schemas of its API describe, and nothing else", () => {
    // The connection is to be there still when a slow machine has read the rest.
    using director = bringUp(600_000);
    send(director, 4000);
    // Parsing takes away what a schema does not have.
    const status = director.status();
    expect(directorStatus.parse(status)).toEqual(status);
    const list = { connections: director.connections(10) };
    expect(list.connections).toHaveLength(1);
    expect(connectionList.parse(list)).toEqual(list);
  });

  test("ends connections whose time is up, by itself, until it is told to stop", async () => {
    using director = bringUp();
    for (let port = 4000; port < 4010; port += 1) send(director, port);
    expect(director.status().services[0]).toMatchObject({ connections: 10, inactiveConnections: 10 });
    const stop = new AbortController();
    const work = director.work(stop.signal);
    const inactive = () => director.status().services[0]?.inactiveConnections;
    for (let poll = 0; poll < MOST_POLLS && inactive() !== 0; poll += 1) await sleep(10);
    expect(inactive()).toBe(0);
    expect(director.connections(10)).toEqual([]);
    stop.abort();
    await work;
    expect([...director.dataplane.maps.ipv4.connections.entries()]).toEqual([]);
  });

  test("takes another configuration: in the maps where it can, by another program where it must", () => {
    using director = bringUp();
    send(director, 4000);
    const program = director.dataplane.program.id;
    const wanted = (services: readonly VirtualService[]) =>
      configuration(services, { ...atXdp, timeoutsMs: { ...defaultTimeoutsMs, udp: 100 } });
    const more = { ...dns, servers: [...dns.servers, { ...dns.servers[0], address: "10.0.0.12" }] } as VirtualService;
    const counted = () =>
      director.status().services[0]?.servers.map(({ address, connections }) => [address, connections]);
    network.enter(() => {
      expect(director.apply(wanted([more]))).toEqual({ program: "kept" });
      expect(director.dataplane.program.id).toBe(program);
      expect(counted()).toEqual([
        ["10.0.0.11", 1],
        ["10.0.0.12", 0],
      ]);
      const hashed = wanted([{ ...more, scheduler: "sh" }]);
      expect(director.apply(hashed)).toEqual({ program: "exchanged", because: "schedulers sh" });
      expect(director.dataplane.program.id).not.toBe(program);
      expect(counted()?.[0]).toEqual(["10.0.0.11", 1]);
      expect(() => director.apply({ ...hashed, director: { ...hashed.director, interfaces: ["nowhere"] } })).toThrow();
      expect(director.configuration).toBe(hashed);
    });
    send(director, 4000);
    expect(director.connections(10)).toHaveLength(1);
  });

  test("says what happens in a second, of each service and server", async () => {
    using director = bringUp();
    const stop = new AbortController();
    const work = director.work(stop.signal);
    const rates = () => director.status().services[0]?.perSecond;
    for (let poll = 0; poll < MOST_POLLS && rates() === undefined; poll += 1) await sleep(10);
    for (let port = 4000; port < 4100; port += 1) send(director, port);
    for (let poll = 0; poll < MOST_POLLS && rates()?.packetsIn === 0; poll += 1) await sleep(10);
    // A hundred in two seconds, of which the first measurement counts a quarter: 12.5 in a second.
    expect(rates()).toMatchObject({ connections: 12, packetsIn: 12 });
    expect(director.status().services[0]?.servers[0]?.perSecond).toEqual(rates());
    stop.abort();
    await work;
  });

  test("says how many entries the table holds after each round", async () => {
    using director = bringUp();
    send(director, 5000);
    const held = [...director.dataplane.maps.ipv4.connections.entries()].length;
    expect(held).toBeGreaterThan(0);
    const stop = new AbortController();
    const work = director.work(stop.signal);
    const entries = () => director.status().connectionTable.entries;
    for (let poll = 0; poll < MOST_POLLS && entries() === 0; poll += 1) await sleep(1);
    const { maximumConnections: maximum } = director.dataplane.plan.shape;
    expect(director.status().connectionTable).toMatchObject({ entries: held, maximum });
    stop.abort();
    await work;
  });

  test("does not start where packets of a family that it serves would not be forwarded", () => {
    const six = service({ name: "six", address: "2001:db8::10", servers: [{ address: "2001:db8:1::11" }] });
    const start = (services: readonly VirtualService[]) =>
      network.enter(() => {
        const wanted = configuration(services, { interfaces: ["front", "back"] });
        new Director({ configuration: wanted, fileName: "y.yaml", version: "0", report: () => undefined })[
          Symbol.dispose
        ]();
      });
    const set = (value: number) =>
      execFileSync("ip", ["netns", "exec", network.name, "sysctl", "-qw", `net.ipv6.conf.all.forwarding=${value}`]);
    set(0);
    expect(() => start([dns, six])).toThrow("forwarding packets: IPv6 forwarding is off on front, back");
    expect(() => start([dns])).not.toThrow();
    set(1);
    expect(() => start([dns, six])).not.toThrow();
  });

  test("outlives its interfaces, and ends as well as ever", () => {
    using director = bringUp();
    execFileSync("ip", ["-n", network.name, "link", "del", "front"]);
    expect(director.status().hooks.map(({ interfaceName }) => interfaceName)).toEqual(["front", "back"]);
    expect(network.interfacesWithPrograms()).toEqual(["back"]);
    network.enter(() => director[Symbol.dispose]());
    expect(network.interfacesWithPrograms()).toEqual([]);
  });
});
