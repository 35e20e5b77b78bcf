// Counts packets and bytes per IP protocol. The idea: a map that program and TypeScript share, one structure for
// both, and an atomic add. Run it: node packages/ebpf/examples/count-protocols.ts

import { arrayMap, atomic, guard, pass, struct, u64, xdp } from "@yardmaster/ebpf";
import { ETH_P_ARP, ETH_P_IP, Ethernet, IPPROTO_TCP, IPPROTO_UDP, Ipv4, makePacket } from "./headers.ts";
import { openHost, Running } from "./open-host.ts";

const Counter = struct("counter", { packets: u64, bytes: u64 });
const counters = arrayMap("counters", Counter, 256);

export const countProtocols = xdp("count", (packet) => {
  const ethernet = packet.read(Ethernet).orPass();
  guard(ethernet.type.eq(ETH_P_IP)).orPass();
  const ip = packet.read(Ipv4).orPass();

  const counter = counters.lookup(ip.protocol).orPass();
  atomic(counter, Counter, "packets").add(1);
  atomic(counter, Counter, "bytes").add(packet.length());
  return pass();
});

if (import.meta.main) {
  using running = new Running(openHost(), countProtocols);
  for (const protocol of [IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_TCP]) running.run(makePacket({ protocol }));
  running.run(makePacket({ type: ETH_P_ARP }));
  for (const [protocol, { packets, bytes }] of running.map(counters).entries()) {
    if (packets > 0n) console.log(`protocol ${protocol}: ${packets} packets, ${bytes} bytes`);
  }
}
