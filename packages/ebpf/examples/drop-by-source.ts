// Drops packets whose source is on a list. The ideas: a hash map as a set that TypeScript fills, and reasons: every
// drop names why, and one callback counts them all. Run it: node packages/ebpf/examples/drop-by-source.ts

import { arrayMap, atomic, be32, guard, hashMap, pass, struct, u64, xdp } from "@yardmaster/ebpf";
import { address, ETH_P_IP, Ethernet, Ipv4, makePacket } from "./headers.ts";
import { openHost, Running } from "./open-host.ts";

const Source = struct("source", { address: be32 });
const Count = struct("count", { packets: u64 });
const blocked = hashMap("blocked", Source, Count, 1024);

const reasons = {
  tooShort: { name: "too short for its headers", code: 0 },
  blocked: { name: "source is blocked", code: 1 },
} as const;
const drops = arrayMap("drops", Count, Object.keys(reasons).length);

export const dropBySource = xdp(
  "drop",
  (packet) => {
    const ethernet = packet.read(Ethernet).orDrop(reasons.tooShort);
    guard(ethernet.type.eq(ETH_P_IP)).orPass();
    const ip = packet.read(Ipv4).orDrop(reasons.tooShort);
    blocked.lookup({ address: ip.source }).then((entry) => {
      atomic(entry, Count, "packets").add(1);
      guard(ip.protocol.eq(1)).orDrop(reasons.blocked);
    });
    return pass();
  },
  { count: (reason) => drops.lookup(reason).then((drop) => atomic(drop, Count, "packets").add(1)) },
);

if (import.meta.main) {
  using running = new Running(openHost(), dropBySource);
  running.map(blocked).update({ address: address("203.0.113.9") }, { packets: 0n });
  for (const source of ["192.0.2.1", "203.0.113.9", "203.0.113.9"]) {
    console.log(`from ${source}: ${running.run(makePacket({ source })).action}`);
  }
  // Pings of a blocked source pass all the same.
  console.log(`ping from 203.0.113.9: ${running.run(makePacket({ source: "203.0.113.9", protocol: 1 })).action}`);
  console.log(`of 20 bytes: ${running.run(makePacket({}).slice(0, 20)).action}`);
  for (const { name, code } of Object.values(reasons)) {
    console.log(`dropped, ${name}: ${running.map(drops).lookup(code)?.packets}`);
  }
}
