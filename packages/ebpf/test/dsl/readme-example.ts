// The program of the README; readme.test.ts compares the two and runs it.

import { arrayMap, be16, bytes, compile, guard, pass, struct, u64, u8, xdp } from "@yardmaster/ebpf";
import { createMemoryHost } from "@yardmaster/ebpf/vm"; // in the kernel: createKernelHost of "@yardmaster/ebpf/kernel"

const Ethernet = struct("ethernet", { destination: bytes(6), source: bytes(6), type: be16 });
const Ipv4 = struct("ipv4", { before: bytes(9), protocol: u8, behind: bytes(10) });
const Ports = struct("ports", { source: be16, destination: be16 });
const Counter = struct("counter", { packets: u64 });
const counters = arrayMap("counters", Counter, 65_536);

const countPorts = xdp("count_ports", (packet) => {
  const ethernet = packet.read(Ethernet).orPass(); // absent where the packet is too short
  guard(ethernet.type.eq(0x0800)).orPass(); // literals are swapped while building
  const ip = packet.read(Ipv4).orPass();
  guard(ip.protocol.eq(6)).orPass();
  const ports = packet.read(Ports).orPass();

  const counter = counters.lookup(ports.destination.toHost()).orPass();
  counter.packets = counter.packets.add(1); // reading is the load, assigning is the store
  return pass();
});

export function run(packet: Uint8Array): bigint | undefined {
  const host = createMemoryHost();
  const spec = compile(countPorts);
  using map = host.createMap(counters.spec);
  using program = host.loadProgram(spec, new Map([[counters.spec.name, map]]));
  program.run({ packet });
  return map.lookup(80)?.packets;
}
