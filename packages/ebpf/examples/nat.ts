// Sends packets for a service on to a real server: destination address and port are rewritten, both checksums
// mended, and the packet goes out where it came in. Run it: node packages/ebpf/examples/nat.ts

import { be16, be32, checksum, guard, hashMap, struct, tx, u8, xdp } from "@yardmaster/ebpf";
import {
  address,
  addressText,
  ETH_P_IP,
  Ethernet,
  internetChecksum,
  IPPROTO_TCP,
  Ipv4,
  makePacket,
  Tcp,
} from "./headers.ts";
import { openHost, Running } from "./open-host.ts";

const ServiceKey = struct("service_key", { address: be32, port: be16, protocol: u8 });
const Real = struct("real", { address: be32, port: be16 });
const services = hashMap("services", ServiceKey, Real, 4096);

export const nat = xdp("nat", (packet) => {
  const ethernet = packet.read(Ethernet).orPass();
  guard(ethernet.type.eq(ETH_P_IP)).orPass();
  const ip = packet.read(Ipv4).orPass();
  guard(ip.protocol.eq(IPPROTO_TCP)).orPass();
  const tcp = packet.read(Tcp).orPass();

  const key = { address: ip.destination, port: tcp.destination, protocol: ip.protocol };
  const real = services.lookup(key).orPass();

  ip.check = checksum(ip.check).replace(ip.destination, real.address).fold();
  tcp.check = checksum(tcp.check).replace(ip.destination, real.address).replace(tcp.destination, real.port).fold();
  ip.destination = real.address;
  tcp.destination = real.port;
  return tx();
});

if (import.meta.main) {
  using running = new Running(openHost(), nat);
  running
    .map(services)
    .update(
      { address: address("198.51.100.10"), port: 80, protocol: IPPROTO_TCP },
      { address: address("10.0.0.11"), port: 8080 },
    );
  for (const destinationPort of [80, 443]) {
    const { action, packet } = running.run(makePacket({ destinationPort }));
    const ip = packet.subarray(Ethernet.size, Ethernet.size + Ipv4.size);
    const { destination } = Ipv4.decode(ip);
    const port = Tcp.decode(packet.subarray(Ethernet.size + Ipv4.size)).destination;
    const header = internetChecksum(ip) === 0 ? "right" : "wrong";
    console.log(`to port ${destinationPort}: ${action} to ${addressText(destination)}:${port}, checksum ${header}`);
  }
}
