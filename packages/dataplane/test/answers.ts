// Packets that the director makes itself: ICMP errors and resets, for both families, on any host.

import { ethernet, frame, ipv4, ipv6, tcp, type TcpFields, udp } from "@yardmaster/packet";
import type { BpfHost } from "@yardmaster/ebpf";
import { describe, expect, test } from "vitest";
import { destinationFlags, removalActions } from "../src/index.ts";
import { Balancer } from "./harness.ts";
import { arriving } from "./packets/scenario.ts";
import { type BalancerPlan, director, gatewayMac } from "./plan.ts";
import { icmpError, withoutChance } from "./reference/icmp-error.ts";

const families = {
  IPv4: { client: "203.0.113.7", vip: "198.51.100.10", server: "10.0.0.11" },
  IPv6: { client: "2001:db8:1::7", vip: "2001:db8:2::10", server: "2001:db8:3::11" },
} as const;
type FamilyLabel = keyof typeof families;

const LINK = 14;
/** VLAN 7, as a tag lies in a frame. */
const tagged = { ...arriving, vlan: [7] } as const;

function planOf(label: FamilyLabel, protocol: "tcp" | "udp", weight: number, mtu = 1500): BalancerPlan {
  const { vip, server } = families[label];
  const hop = { mac: "02:00:00:00:02:00", mtu };
  const destinations = [{ address: server, method: "dr", weight, hop }] as const;
  return { services: [{ address: vip, port: 80, protocol, scheduler: "rr", destinations }] };
}

function packet(label: FamilyLabel, macs: typeof arriving | typeof tagged, fields: Partial<TcpFields>, size = 0) {
  const { client: source, vip: destination } = families[label];
  const header = label === "IPv4" ? ipv4({ source, destination, dontFragment: true }) : ipv6({ source, destination });
  const transport = tcp({ sourcePort: 40000, destinationPort: 80, ...fields });
  return frame(ethernet(macs), header, transport, new Uint8Array(size).fill(0x42));
}

/** A reset from the VIP, as RFC 9293 has it. */
function reset(label: FamilyLabel, macs: typeof arriving | typeof tagged, fields: Partial<TcpFields>): Uint8Array {
  const { client: destination, vip: source } = families[label];
  const back = { ...macs, source: director.mac, destination: gatewayMac };
  const header =
    label === "IPv4"
      ? ipv4({ source, destination, identification: 0, dontFragment: true })
      : ipv6({ source, destination });
  return frame(ethernet(back), header, tcp({ sourcePort: 80, destinationPort: 40000, window: 0, ...fields }));
}

/** Registers the tests; `createHost` is called once for each. */
export function describeAnswers(createHost: () => BpfHost): void {
  describe.each(["IPv4", "IPv6"] as const)("%s", (label) => {
    test.each([0, 1, 500, 1400])("no destination: port unreachable, quoting a packet with %i bytes", (size) => {
      using balancer = new Balancer(createHost(), planOf(label, "tcp", 0));
      const syn = packet(label, arriving, { flags: "S" }, size);
      expect(balancer.send(syn)).toMatchObject({ verdict: "pass", frame: syn });
      balancer.set({ refusesByIcmp: 1 });
      const sent = balancer.send(syn);
      expect(sent.verdict).toBe("tx");
      const expected = icmpError(syn.subarray(0, LINK), syn.subarray(LINK), "portUnreachable");
      expect(withoutChance(sent.frame)).toEqual(expected);
    });

    test("a datagram with padding behind it and a VLAN tag", () => {
      using balancer = new Balancer(createHost(), planOf(label, "udp", 0));
      balancer.set({ refusesByIcmp: 1 });
      const { client: source, vip: destination } = families[label];
      const header = label === "IPv4" ? ipv4({ source, destination }) : ipv6({ source, destination });
      const whole = frame(ethernet(tagged), header, udp({ sourcePort: 40000, destinationPort: 80 }), "hello");
      const sent = balancer.send(Uint8Array.of(...whole, 1, 2, 3, 4, 5, 6, 7));
      const link = LINK + 4;
      expect(withoutChance(sent.frame)).toEqual(
        icmpError(whole.subarray(0, link), whole.subarray(link), "portUnreachable"),
      );
    });

    test("too big for the way: the MTU is told", () => {
      using balancer = new Balancer(createHost(), planOf(label, "tcp", 1, 1400));
      balancer.send(packet(label, arriving, { flags: "S" }));
      const large = packet(label, arriving, { flags: "A" }, 1440);
      const sent = balancer.send(large);
      expect(sent.verdict).toBe("tx");
      const older = large.slice();
      const at = LINK + (label === "IPv4" ? 8 : 7);
      older[at] = (older[at] ?? 0) - 1;
      if (label === "IPv4") addToChecksum(older, LINK + 10, 0x0100);
      const expected = icmpError(large.subarray(0, LINK), older.subarray(LINK), "tooBig", 1400);
      expect(withoutChance(sent.frame)).toEqual(expected);
    });

    test("no more answers in a second than the settings allow", () => {
      using balancer = new Balancer(createHost(), planOf(label, "tcp", 0));
      balancer.set({ refusesByIcmp: 1, answersPerSecond: 3 });
      const syn = packet(label, arriving, { flags: "S" });
      const verdicts = () => Array.from({ length: 5 }, () => balancer.send(syn).verdict);
      expect(verdicts()).toEqual(["tx", "tx", "tx", "drop", "drop"]);
      expect(balancer.verdicts()).toEqual({ tooManyAnswers: 2 });
      balancer.advance(250);
      expect(verdicts()).toEqual(["tx", "tx", "tx", "drop", "drop"]);
    });

    test.each([arriving, tagged])("a packet for a removed server draws a reset, where that is wished", (macs) => {
      using balancer = new Balancer(createHost(), planOf(label, "tcp", 1));
      balancer.send(packet(label, macs, { flags: "S", sequence: 1 }));
      const destinations = balancer.map(balancer.maps.destinations);
      const record = destinations.lookup(0);
      if (record === undefined) throw new Error("the plan has a destination");
      destinations.update(0, { ...record, flags: record.flags | destinationFlags.removed });
      balancer.set({ onRemoval: removalActions.reset, removedDestinations: 1 });
      const data = packet(label, macs, { flags: "PA", sequence: 100, acknowledgment: 777 }, 5);
      expect(balancer.send(data)).toMatchObject({
        verdict: "tx",
        frame: reset(label, macs, { flags: "R", sequence: 777, acknowledgment: 0 }),
      });
      const last = packet(label, macs, { flags: "F", sequence: 100 }, 5);
      expect(balancer.send(last)).toMatchObject({
        verdict: "tx",
        frame: reset(label, macs, { flags: "RA", sequence: 0, acknowledgment: 106 }),
      });
      expect(balancer.send(packet(label, macs, { flags: "R" })).verdict).toBe("drop");
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
