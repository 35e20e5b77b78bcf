// Full NAT's local ports as properties, whatever clients do, in pools so small that they run out: no two live
// connections to a server have one, none is refused while one is free, and what a connection had is used again only
// after its end.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { layerOf, parseFrame } from "@yardmaster/packet";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Balancer } from "./harness.ts";
import { assertCountsAreExact, assertNothingIsLeft } from "./life/exact.ts";
import { arriving, fromServer } from "./packets/scenario.ts";
import { type Wire, wires } from "./packets/wire.ts";
import { type BalancerPlan, TICKS_PER_SECOND } from "./plan.ts";

/** What happens: a client writes to a service, a server answers, time passes, the reaper comes. */
type Happening =
  | { readonly kind: "packet"; readonly client: number; readonly service: number; readonly flags: "S" | "R" | "A" }
  | { readonly kind: "reply"; readonly client: number; readonly service: number }
  | { readonly kind: "time"; readonly seconds: number }
  | { readonly kind: "reap" };

const CLIENTS = 8;
const happenings: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("packet" as const),
      client: fc.nat(CLIENTS - 1),
      service: fc.nat(2),
      flags: fc.constantFrom("S", "S", "S", "R", "A"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("reply" as const), client: fc.nat(CLIENTS - 1), service: fc.nat(2) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("time" as const), seconds: fc.constantFrom(1, 11, 61) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reap" as const }) },
);

const pools = [
  { localAddresses: ["10.0.1.1", "fd00:1::1"], localPorts: { first: 5000, count: 1, gap: { first: 0, count: 0 } } },
  { localAddresses: ["10.0.1.1", "fd00:1::1"], localPorts: { first: 65_533, count: 3, gap: { first: 0, count: 0 } } },
  {
    localAddresses: ["10.0.1.1", "10.0.1.2", "fd00:1::1", "fd00:1::2"],
    localPorts: { first: 5000, count: 2, gap: { first: 5001, count: 10 } },
  },
] as const;

/** Two services share a server, and with it the local ends; the third has one of its own. */
function planFor({ vip, otherVip, servers, clients }: Wire, pool: (typeof pools)[number]): BalancerPlan {
  const to = (address: string) => [{ address, port: 8080, method: "fullnat" as const }];
  return {
    ...pool,
    services: [
      { address: vip, port: 80, destinations: to(servers[0]) },
      { address: otherVip, port: 80, destinations: to(servers[0]) },
      { address: vip, port: 81, destinations: to(servers[1]) },
    ],
    clients: [clients[0]],
    settings: { renewalTicks: 0 },
  };
}

/** Plays happenings on one balancer, and sees after each that it kept its promises. */
class Play {
  readonly #wire: Wire;
  readonly #balancer: Balancer;
  readonly #ends: ReadonlySet<string>;
  /** Openings that found an end, and those that found none. */
  readonly opened = { found: 0, refused: 0 };

  constructor(wire: Wire, balancer: Balancer, ends: ReadonlySet<string>) {
    this.#wire = wire;
    this.#balancer = balancer;
    this.#ends = ends;
  }

  perform(happening: Happening): void {
    if (happening.kind === "time") this.#balancer.advance(happening.seconds * TICKS_PER_SECOND);
    else if (happening.kind === "reap") this.#balancer.reap();
    else if (happening.kind === "reply") this.#reply(happening);
    else this.#request(happening);
    assertCountsAreExact(this.#balancer);
    const taken = this.#balancer.localFlows();
    expect(new Set(taken.map(({ server, local }) => `${server} ${local}`)).size).toBe(taken.length);
    for (const { local } of taken) expect(this.#ends).toContain(local);
  }

  /** Local ends by whose they are, of the connections that are not over. */
  #live(): ReadonlyMap<string, { readonly server: string; readonly local: string }> {
    const { now } = this.#balancer;
    const isOver = ({ expiresAt }: { readonly expiresAt: number }) => ((expiresAt - now) | 0) <= 0;
    const live = this.#balancer.connections().filter((connection) => !isOver(connection));
    const keys = new Set(live.map(({ client, service }) => `${client} ${service}`));
    const flows = this.#balancer.localFlows().map((flow) => [`${flow.client} ${flow.service}`, flow] as const);
    return new Map(flows.filter(([key]) => keys.has(key)));
  }

  #request({ client, service, flags }: Extract<Happening, { readonly kind: "packet" }>): void {
    const { vip, otherVip, servers, clients, family, tcpFrame } = this.#wire;
    const before = this.#live();
    const destination = service === 1 ? otherVip : vip;
    const ports = { sourcePort: 40_000 + client, destinationPort: service === 2 ? 81 : 80 };
    const key = `${endpoint(clients[0], ports.sourcePort)} ${endpoint(destination, ports.destinationPort)}`;
    const server = endpoint(servers[service === 2 ? 1 : 0], 8080);
    const { verdict, frame } = this.#balancer.send(tcpFrame(arriving, { destination }, { ...ports, flags }));
    const known = before.get(key)?.local;
    const others = [...before].filter(([whose, end]) => whose !== key && end.server === server);
    const taken = others.map(([, { local }]) => local);
    if (known === undefined && flags !== "S") {
      expect(verdict, "opens nothing").toBe("pass");
      return;
    }
    if (verdict !== "tx") {
      expect([verdict, known]).toEqual(["drop", undefined]);
      expect(taken.length, "refused while a local end is free").toBe(this.#ends.size);
      this.opened.refused += 1;
      return;
    }
    if (known === undefined) this.opened.found += 1;
    const parsed = parseFrame(frame);
    const local = endpoint(layerOf(parsed, family)?.source ?? "", layerOf(parsed, "tcp")?.sourcePort ?? 0);
    expect(this.#ends).toContain(local);
    expect(taken, "two live connections to one server").not.toContain(local);
    if (known !== undefined) expect(local, "a connection keeps its end").toBe(known);
  }

  #reply({ client, service }: Extract<Happening, { readonly kind: "reply" }>): void {
    const { vip, otherVip, servers, clients, tcpFrame, family } = this.#wire;
    const to = [service === 1 ? otherVip : vip, service === 2 ? 81 : 80] as const;
    const key = `${endpoint(clients[0], 40_000 + client)} ${endpoint(...to)}`;
    const end = this.#live().get(key);
    if (end === undefined) return;
    const at = end.local.lastIndexOf(":");
    const ends = { source: servers[service === 2 ? 1 : 0], destination: end.local.slice(0, at).replace(/[[\]]/g, "") };
    const ports = { sourcePort: 8080, destinationPort: Number(end.local.slice(at + 1)) };
    const { verdict, frame } = this.#balancer.send(tcpFrame(fromServer, ends, { ...ports, flags: "A" }));
    const parsed = parseFrame(frame);
    const [ip, tcp] = [layerOf(parsed, family), layerOf(parsed, "tcp")];
    expect(verdict).toBe("tx");
    expect([ip?.source, tcp?.sourcePort, ip?.destination, tcp?.destinationPort]).toEqual([
      ...[...to, clients[0], 40_000 + client],
    ]);
  }
}

/** As the harness writes it. */
function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** All local ends of a family. */
function endsOf({ family }: Wire, { localAddresses, localPorts }: (typeof pools)[number]): ReadonlySet<string> {
  const { first, count, gap } = localPorts;
  const ports = Array.from({ length: count }, (_, at) =>
    first + at >= gap.first ? first + at + gap.count : first + at,
  );
  const addresses = localAddresses.filter((address) => address.includes(":") === (family === "ipv6"));
  return new Set(addresses.flatMap((address) => ports.map((port) => endpoint(address, port))));
}

describe.each(wires)("local ports over $family", (wire) => {
  test.each(pools)("are unique while they last, $localPorts.count of $localAddresses.length addresses", (pool) => {
    const plan = planFor(wire, pool);
    using balancer = new Balancer(createMemoryHost(), plan);
    const opened = { found: 0, refused: 0 };
    fc.assert(
      fc.property(fc.array(happenings, { minLength: 30, maxLength: 60 }), (all) => {
        balancer.become(plan);
        const play = new Play(wire, balancer, endsOf(wire, pool));
        for (const happening of all) play.perform(happening);
        assertNothingIsLeft(balancer);
        opened.found += play.opened.found;
        opened.refused += play.opened.refused;
      }),
      { numRuns: 60 },
    );
    expect(opened.found, "both happen").toBeGreaterThan(100);
    expect(opened.refused).toBeGreaterThan(20);
  });
});
