// What every forwarding method must do, as tests over the registry: say what it asks for, keep the client's
// address, leave valid packets, and take back on the way back what it did on the way in.

import type { BpfHost } from "@yardmaster/ebpf";
import { checksumProblems, layerOf, parseFrame } from "@yardmaster/packet";
import { afterAll, describe, expect, test } from "vitest";
import { type MethodName, methods, reasonNames, reasons } from "../src/index.ts";
import { arriving, fromServer, serverMac, toClient } from "./packets/scenario.ts";
import { type Wire, wires } from "./packets/wire.ts";
import { director, tunnelSources } from "./plan.ts";
import { candidates } from "./reference/local-ports.ts";
import { Stage } from "./stage.ts";

const names = Object.keys(methods) as MethodName[];
const protocols = ["tcp", "udp"] as const;

/** Registers the conformance tests of all forwarding methods. */
export function describeMethods(createHost: () => BpfHost): void {
  const stage = new Stage(createHost);
  afterAll(() => stage[Symbol.dispose]());
  test("codes and names are unique, and no code is 0, which empty maps hold", () => {
    expect(names.map((name) => methods[name].name)).toEqual(names);
    const codes = names.map((name) => methods[name].code);
    expect(new Set(codes).size).toBe(names.length);
    expect(codes).not.toContain(0);
  });
  describe.each(names)("%s", (name) => {
    describeDeclaration(name);
    describe.each(wires)("over $family", (wire) => {
      describe.each(protocols)("and %s", (protocol) => {
        const road = { name, wire, protocol };
        describe("to a server of its own", () => describeRoad({ ...road, isShared: false }, stage));
        describe("to a server that two services share", () => describeRoad({ ...road, isShared: true }, stage));
      });
    });
  });
}

function describeDeclaration(name: MethodName): void {
  const { requires, whileUnresolved, whenTooLarge, hasReplies, hasLocalAddress, reply, requestTable } = methods[name];

  test("says what it asks of the network", () => {
    expect(requires.length).toBeGreaterThan(0);
    for (const { text } of requires) expect(text).toMatch(/^[a-z].{10,}[^.]$/);
    expect(new Set(requires.map(({ kind }) => kind)).size).toBe(requires.length);
  });

  test("has a way back if, and only if, it says so", () => {
    expect(reply !== undefined).toBe(hasReplies);
    expect(requestTable).toBe(hasReplies ? "request" : "requestOnly");
    const kinds = requires.map(({ kind }) => kind);
    expect(kinds.includes("repliesThroughDirector")).toBe(hasReplies && !hasLocalAddress);
    expect(kinds.includes("localAddressOwned")).toBe(hasLocalAddress);
  });

  test("its reasons are of the registry, where passing ones come first", () => {
    const firstDrop = reasonNames.indexOf("timeToLiveExceeded");
    for (const { verdict, reason } of [whileUnresolved, whenTooLarge]) {
      expect(reasons[reason.name as keyof typeof reasons]).toEqual(reason);
      expect(reason.code < firstDrop).toBe(verdict === "pass");
    }
  });
}

interface Road {
  readonly name: MethodName;
  readonly wire: Wire;
  readonly protocol: "tcp" | "udp";
  /** Whether another service uses the same port of the server: a reply then does not tell its service. */
  readonly isShared: boolean;
}

function describeRoad({ name, wire, protocol, isShared }: Road, stage: Stage): void {
  const { hasReplies, hasLocalAddress, mapsPorts, requires } = methods[name];
  const { vip, otherVip } = wire;
  const [clientAddress] = wire.clients;
  const [serverAddress] = wire.servers;
  const port = protocol === "tcp" ? 80 : 53;
  const serverPort = mapsPorts ? 8080 : port;
  const packet = protocol === "tcp" ? wire.tcpFrame : wire.udpFrame;
  const service = {
    address: vip,
    port,
    protocol,
    destinations: [{ address: serverAddress, port: serverPort, method: name }],
  };
  const services = isShared ? [service, { ...service, address: otherVip }] : [service];
  const plan = { services, clients: [clientAddress] };
  // Where the server's packets go to: full NAT's first choice is a hash that the reference knows.
  const from = { source: clientAddress, sourcePort: 40000, destinationPort: port };
  const local = hasLocalAddress ? candidates(plan, from, 1000).next().value : undefined;
  const { address: peer, port: peerPort } = local ?? { address: clientAddress, port: 40000 };

  test("the server gets a valid packet from the client, one hop older", () => {
    const balancer = stage.balancerFor(plan);
    const { verdict, frame } = balancer.send(packet(arriving, { ttl: 9 }, {}, "contents"));
    expect(verdict).toBe("tx");
    expect(checksumProblems(frame)).toEqual([]);
    const parsed = parseFrame(frame);
    expect(layerOf(parsed, "ethernet")).toMatchObject({ source: director.outMac, destination: serverMac });
    const destination = mapsPorts ? serverAddress : vip;
    const hops = wire.family === "ipv4" ? { ttl: 8 } : { hopLimit: 8 };
    const [network] = parsed.layers.filter(({ layer }) => layer === wire.family).slice(-1);
    expect(network).toMatchObject({ source: peer, destination, ...hops });
    if (requires.some(({ kind }) => kind === "unwrapping")) {
      expect(parsed.layers[1]).toMatchObject({
        source: tunnelSources[wire.family],
        destination: serverAddress,
        ...hops,
      });
    }
    expect(layerOf(parsed, protocol)).toMatchObject({ sourcePort: peerPort, destinationPort: serverPort });
    expect(new TextDecoder().decode(parsed.remaining)).toBe("contents");
  });

  if (hasReplies) {
    test("the client gets the answer from the service, as if there were no director", () => {
      const balancer = stage.balancerFor(plan);
      balancer.send(packet(arriving));
      const back = { source: serverAddress, destination: peer };
      const { verdict, frame } = balancer.send(
        packet(fromServer, back, { sourcePort: serverPort, destinationPort: peerPort }, "yes"),
      );
      expect(verdict).toBe("tx");
      expect(frame).toEqual(
        packet(
          toClient,
          { source: vip, destination: clientAddress, ttl: 63 },
          { sourcePort: port, destinationPort: 40000 },
          "yes",
        ),
      );
    });
  }

  test("the connection is in the table for each way that needs an entry, and gone when it ended", () => {
    const balancer = stage.balancerFor(plan);
    balancer.send(packet(arriving));
    const [{ active, inactive } = { active: 0, inactive: 0 }] = balancer.loads();
    expect([active, inactive]).toEqual(protocol === "tcp" ? [1, 0] : [0, 1]);
    const entries = () => [balancer.connections(), balancer.localFlows()].map(({ length }) => length);
    expect(balancer.replyEntries()).toBe(hasReplies && !hasLocalAddress && isShared ? 1 : 0);
    expect(entries()).toEqual([1, hasLocalAddress ? 1 : 0]);
    expect(balancer.reap({ all: true })).toBe(0);
    expect(balancer.reap({ all: true, force: "all" })).toBe(1);
    expect([...entries(), balancer.replyEntries()]).toEqual([0, 0, 0]);
    expect(balancer.loads()[0]).toEqual({ active: 0, inactive: 0, scheduled: 1 });
  });

  test("a damaged transport checksum is passed on as damaged, neither repaired nor hidden", () => {
    const balancer = stage.balancerFor(plan);
    const { frame } = balancer.send(packet(arriving, {}, { checksum: 0x1111 }, "damaged"));
    expect(checksumProblems(frame).map(({ layer }) => layer)).toEqual([protocol]);
  });
}
