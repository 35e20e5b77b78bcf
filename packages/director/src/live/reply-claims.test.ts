// A rule stands for a server's replies exactly where they cannot belong to two services, and stays for old connections.
import { describe, expect, test } from "vitest";
import { service as sample } from "../../test/sample.ts";
import type { Destination } from "../model/virtual-service.ts";
import {
  afterWalk,
  claimOf,
  isWaiting,
  type ReplyClaim,
  rulesOf,
  type SeenReplies,
  withClaim,
  withoutClaim,
} from "./reply-claims.ts";

const web = sample({ name: "web" });
const other = sample({ name: "other", address: "198.51.100.11" });
const overUdp = sample({ name: "dns", protocol: "udp" });
const wide = sample({
  name: "wide",
  match: { kind: "wide", prefixes: ["10.0.0.0/8"], ports: [{ first: 80, last: 80 }], protocol: "tcp" },
});
const marked = sample({
  name: "marked",
  match: { kind: "mark", mark: 7, rules: [{ prefix: "10.0.0.0/8", ports: "any", protocols: ["tcp"] }] },
});

/** What destination `index` of a service claims of one address that all of them have. */
function claim(service: typeof web, index: number, changes: Partial<Destination> = {}) {
  const plain = { address: "10.0.0.1", port: 8080, weight: 1, forwarding: "nat" } as const;
  return claimOf(service, { index, definition: { ...plain, upperThreshold: 0, lowerThreshold: 0, ...changes } });
}

const after = (...claims: readonly ReturnType<typeof claim>[]): readonly ReplyClaim[] =>
  claims.reduce<readonly ReplyClaim[]>((all, one) => withClaim(all, one), []);
const holders = (claims: readonly ReplyClaim[]) =>
  claims.filter(({ hasRule }) => hasRule).map(({ destination }) => destination);
const rules = (claims: readonly ReplyClaim[]) =>
  rulesOf(claims).map(({ port, protocol, service }) => `${protocol} ${port} -> …${(service.address[0] ?? 0) & 255}`);
/** A walk that saw connections of these destinations, all without an entry for replies. */
const seen = (...destinations: readonly number[]): SeenReplies => ({
  relies: (index) => destinations.includes(index),
  isAnswered: (index) => destinations.includes(index),
});

describe("who has a rule", () => {
  test.each<[string, readonly ReturnType<typeof claim>[], readonly number[]]>([
    ["a server of one service", [claim(web, 0)], [0]],
    ["of two services none", [claim(web, 0), claim(other, 1)], []],
    ["another port is no sharing", [claim(web, 0), claim(other, 1, { port: 8081 })], [0, 1]],
    ["nor is another protocol", [claim(web, 0), claim(overUdp, 1)], [0, 1]],
    ["nor direct routing", [claim(web, 0), claim(other, 1, { forwarding: "dr" })], [0]],
    ["nor where no connections are kept", [claim(web, 0), claim({ ...other, onePacket: true }, 1)], [0]],
    ["none of a wide service: its replies may be for any of the addresses", [claim(wide, 0)], []],
    ["nor where a wide service takes the port", [claim(web, 0), claim(wide, 1)], []],
    ["or any port", [claim(web, 0), claim(wide, 1, { port: 0 }), claim(overUdp, 2)], [2]],
    ["a mark is of both protocols", [claim(overUdp, 0), claim(marked, 1, { port: 0 })], []],
    ["none of the client's own port", [claim(web, 0, { port: 0 })], []],
  ])("%s", (_, claims, expected) => {
    expect(holders(after(...claims))).toEqual(expected);
  });
});

describe("in the course of time", () => {
  test("a rule stays where a second service comes, until no connection relies on it", () => {
    const shared = after(claim(web, 0), claim(other, 1));
    expect([holders(shared), rules(shared)]).toEqual([[], ["tcp 8080 -> …10"]]);
    expect(shared.map(isWaiting)).toEqual([true, false]);
    expect(rules(afterWalk(shared, seen(0)))).toEqual(["tcp 8080 -> …10"]);
    expect(rules(afterWalk(shared, seen(1)))).toEqual([]);
  });

  test("it is the only one's again once the other is forgotten", () => {
    const left = withoutClaim(after(claim(web, 0), claim(other, 1)), 0);
    expect([holders(left), rules(left)]).toEqual([[1], ["tcp 8080 -> …11"]]);
  });

  test("a server that is routed to directly from now on keeps others from a rule while connections are left", () => {
    const changed = withClaim(after(claim(web, 0), claim(other, 1)), claim(web, 0, { forwarding: "dr" }));
    expect(holders(changed)).toEqual([]);
    expect(holders(afterWalk(changed, seen(0)))).toEqual([]);
    expect(holders(afterWalk(changed, seen()))).toEqual([1]);
  });

  test("one that was never translated claims nothing", () => {
    expect(after(claim(web, 0, { forwarding: "dr" }))).toEqual([]);
  });
});
