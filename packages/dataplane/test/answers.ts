// Packets that the director makes itself: ICMP errors and resets, for both families, on any host.

import type { BpfHost } from "@yardmaster/ebpf";
import type { TcpFields } from "@yardmaster/packet";
import { describe, expect, test } from "vitest";
import { Balancer } from "./harness.ts";
import { arriving, serverMac } from "./packets/scenario.ts";
import { type Wire, wires } from "./packets/wire.ts";
import { type BalancerPlan, director, gatewayMac } from "./plan.ts";
import { icmpError, withoutChance } from "./reference/icmp-error.ts";

const LINK = 14;
/** VLAN 7, as a tag lies in a frame. */
const tagged = { ...arriving, vlan: [7] } as const;

function planOf(wire: Wire, protocol: "tcp" | "udp", weight: number, mtu = 1500): BalancerPlan {
  const hop = { mac: serverMac, mtu };
  const destinations = [{ address: wire.servers[0], method: "dr", weight, hop }] as const;
  return { services: [{ address: wire.vip, port: 80, protocol, scheduler: "rr", destinations }] };
}

function packet(wire: Wire, macs: typeof arriving | typeof tagged, fields: Partial<TcpFields>, size = 0): Uint8Array {
  return wire.tcpFrame(macs, { dontFragment: true }, { sequence: 0, ...fields }, new Uint8Array(size).fill(0x42));
}

/** A reset from the VIP, as RFC 9293 has it. */
function reset(wire: Wire, macs: typeof arriving | typeof tagged, fields: Partial<TcpFields>): Uint8Array {
  const back = { ...macs, source: director.mac, destination: gatewayMac };
  const ends = { source: wire.vip, destination: wire.clients[0] };
  return wire.tcpFrame(
    back,
    { ...ends, dontFragment: true },
    { sourcePort: 80, destinationPort: 40000, window: 0, ...fields },
  );
}

/** Registers the tests; `createHost` is called once for each. */
export function describeAnswers(createHost: () => BpfHost): void {
  describe.each(wires)("over $family", (wire) => {
    test.each([0, 1, 500, 1400])("no destination: port unreachable, quoting a packet with %i bytes", (size) => {
      using balancer = new Balancer(createHost(), planOf(wire, "tcp", 0));
      const syn = packet(wire, arriving, { flags: "S" }, size);
      expect(balancer.send(syn)).toMatchObject({ verdict: "pass", frame: syn });
      balancer.set({ refusesByIcmp: true });
      const sent = balancer.send(syn);
      expect(sent.verdict).toBe("tx");
      const expected = icmpError(syn.subarray(0, LINK), syn.subarray(LINK), "portUnreachable");
      expect(withoutChance(sent.frame)).toEqual(expected);
    });

    test("a datagram with padding behind it and a VLAN tag", () => {
      using balancer = new Balancer(createHost(), planOf(wire, "udp", 0));
      balancer.set({ refusesByIcmp: true });
      const whole = wire.udpFrame(tagged, {}, { destinationPort: 80 }, "hello");
      const sent = balancer.send(Uint8Array.of(...whole, 1, 2, 3, 4, 5, 6, 7));
      const link = LINK + 4;
      expect(withoutChance(sent.frame)).toEqual(
        icmpError(whole.subarray(0, link), whole.subarray(link), "portUnreachable"),
      );
    });

    test("too big for the way: the MTU is told", () => {
      using balancer = new Balancer(createHost(), planOf(wire, "tcp", 1, 1400));
      balancer.send(packet(wire, arriving, { flags: "S" }));
      const large = packet(wire, arriving, { flags: "A" }, 1440);
      const sent = balancer.send(large);
      expect(sent.verdict).toBe("tx");
      const older = large.slice();
      const at = LINK + (wire.family === "ipv4" ? 8 : 7);
      older[at] = (older[at] ?? 0) - 1;
      if (wire.family === "ipv4") addToChecksum(older, LINK + 10, 0x0100);
      const expected = icmpError(large.subarray(0, LINK), older.subarray(LINK), "tooBig", 1400);
      expect(withoutChance(sent.frame)).toEqual(expected);
    });

    test("no more answers in a second than the settings allow", () => {
      using balancer = new Balancer(createHost(), planOf(wire, "tcp", 0));
      balancer.set({ refusesByIcmp: true, answersPerSecond: 3 });
      const syn = packet(wire, arriving, { flags: "S" });
      const verdicts = () => Array.from({ length: 5 }, () => balancer.send(syn).verdict);
      expect(verdicts()).toEqual(["tx", "tx", "tx", "drop", "drop"]);
      expect(balancer.verdicts()).toEqual({ tooManyAnswers: 2 });
      balancer.advance(250);
      expect(verdicts()).toEqual(["tx", "tx", "tx", "drop", "drop"]);
    });

    test.each([arriving, tagged])("a packet for a removed server draws a reset, where that is wished", (macs) => {
      using balancer = new Balancer(createHost(), planOf(wire, "tcp", 1));
      balancer.send(packet(wire, macs, { flags: "S", sequence: 1 }));
      balancer.setRemoved(0, "removed");
      balancer.set({ onRemoval: "reset" });
      const data = packet(wire, macs, { flags: "PA", sequence: 100, acknowledgment: 777 }, 5);
      expect(balancer.send(data)).toMatchObject({
        verdict: "tx",
        frame: reset(wire, macs, { flags: "R", sequence: 777, acknowledgment: 0 }),
      });
      const last = packet(wire, macs, { flags: "F", sequence: 100 }, 5);
      expect(balancer.send(last)).toMatchObject({
        verdict: "tx",
        frame: reset(wire, macs, { flags: "RA", sequence: 0, acknowledgment: 106 }),
      });
      expect(balancer.send(packet(wire, macs, { flags: "R" })).verdict).toBe("drop");
      expect(balancer.verdicts()).toEqual({ destinationRemoved: 1 });
    });
  });
}

/** Adds to a checksum in the packet, with the carry brought round. */
function addToChecksum(bytes: Uint8Array, at: number, amount: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const sum = view.getUint16(at) + amount;
  view.setUint16(at, (sum & 0xffff) + (sum >>> 16));
}
