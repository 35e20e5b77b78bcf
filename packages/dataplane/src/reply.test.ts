// Replies while a server's port goes from one service to two: connections from before are told by the rule, new ones
// have entries, and no entry takes the replies of a connection that the rule tells.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { addressWords, ipv4FromNumber, formatAddress, layerOf, parseFrame } from "@yardmaster/packet";
import { describe, expect, test } from "vitest";
import { Balancer } from "../test/harness.ts";
import { arriving, clientAddress, fromServer, serverAddress, tcpFrame, vip } from "../test/packets/scenario.ts";
import { destinationFlags } from "./schema.ts";

const otherVip = formatAddress(ipv4FromNumber((addressWords(vip)[0] ?? 0) + 1));
const MINUTE = 60 * 250;

/** Two services that share a server's port; the first had it alone before, and has one connection from then. */
function shared(): Balancer {
  const destinations = [{ address: serverAddress, port: 8080 }];
  const services = [vip, otherVip].map((address) => ({ address, port: 80, destinations }));
  const balancer = new Balancer(createMemoryHost(), { services, clients: [clientAddress] });
  const { destinations: records, ipv4 } = balancer.maps;
  const server = { address: addressWords(serverAddress), port: 8080, protocol: 6 };
  balancer.map(ipv4.replyRules).update(server, { address: addressWords(vip), port: 80, reserved: 0 });
  const record = balancer.map(records).lookup(0);
  if (record === undefined) throw new Error("the first service has a server");
  balancer.map(records).update(0, { ...record, flags: destinationFlags.hasReplyRule });
  open(balancer, vip, 40_000);
  balancer.map(records).update(0, record);
  return balancer;
}

const open = (balancer: Balancer, destination: string, sourcePort: number) =>
  balancer.send(tcpFrame(arriving, { destination }, { sourcePort })).verdict;

/** Whom the server's answer to a client's port comes from. */
function answer(balancer: Balancer, destinationPort: number): string | undefined {
  const ends = { source: serverAddress, destination: clientAddress };
  const { frame } = balancer.send(tcpFrame(fromServer, ends, { sourcePort: 8080, destinationPort, flags: "SA" }));
  return layerOf(parseFrame(frame), "ipv4")?.source;
}

describe("a server's port that two services share from now on", () => {
  test("keeps its rule for connections from before, new ones have entries", () => {
    using balancer = shared();
    expect(balancer.replyEntries()).toBe(0);
    expect([open(balancer, otherVip, 40_001), open(balancer, vip, 40_002)]).toEqual(["tx", "tx"]);
    expect(balancer.replyEntries()).toBe(2);
    expect([40_000, 40_001, 40_002].map((port) => answer(balancer, port))).toEqual([vip, otherVip, vip]);
  });

  test("gives no entry the replies that the rule gives a connection, until that has ended", () => {
    using balancer = shared();
    expect(open(balancer, otherVip, 40_000)).toBe("drop");
    expect(balancer.verdicts()).toEqual({ replyFlowTaken: 1 });
    expect([balancer.replyEntries(), balancer.loads().map(({ active }) => active)]).toEqual([0, [1, 0]]);
    expect(answer(balancer, 40_000)).toBe(vip);
    balancer.advance(MINUTE);
    expect(open(balancer, otherVip, 40_000)).toBe("tx");
    expect([balancer.replyEntries(), balancer.loads().map(({ active }) => active)]).toEqual([1, [0, 1]]);
    expect(answer(balancer, 40_000)).toBe(otherVip);
  });
});
