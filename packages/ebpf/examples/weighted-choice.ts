// Chooses a server by a hash of the client and the servers' weights. The ideas: a function that the program calls,
// a bounded loop that stops early, and global data that TypeScript writes. Run it:
// node packages/ebpf/examples/weighted-choice.ts

import {
  arrayMap,
  atomic,
  be16,
  be32,
  fn,
  global,
  guard,
  list,
  pass,
  repeat,
  struct,
  u32,
  u64,
  variable,
  when,
  xdp,
} from "@yardmaster/ebpf";
import { ETH_P_IP, Ethernet, Ipv4, makePacket, Ports } from "./headers.ts";
import { openHost, Running } from "./open-host.ts";

const MOST = 8;
const Server = struct("server", { weight: u32 });
const Settings = struct("settings", { count: u32, totalWeight: u32, servers: list(Server, MOST) });
const settings = global("settings", Settings);
const Chosen = struct("chosen", { times: u64 });
const chosen = arrayMap("chosen", Chosen, MOST);

/** Mixes client address and port into 32 bits that look random. */
const hash = fn("hash", { address: be32, port: be16 }, u32, ({ address, port }) => {
  const mixed = variable(address.raw().xor(port.raw()).mul(0x9e37_79b1));
  repeat(3, (round) => {
    mixed.set(mixed.get().xor(mixed.get().shr(15)));
    mixed.set(mixed.get().add(round).mul(0x85eb_ca6b));
  });
  return mixed.get();
});

export const weightedChoice = xdp("choose", (packet) => {
  const ethernet = packet.read(Ethernet).orPass();
  guard(ethernet.type.eq(ETH_P_IP)).orPass();
  const ip = packet.read(Ipv4).orPass();
  const ports = packet.read(Ports).orPass();

  const { value } = settings;
  const rest = variable(hash({ address: ip.source, port: ports.source }).mod(value.totalWeight));
  const choice = variable(u32(0));
  repeat({ times: value.count, atMost: MOST }, (index, loop) => {
    const { weight } = value.servers.masked(index);
    choice.set(index);
    when(rest.get().lt(weight), () => loop.stop());
    rest.set(rest.get().sub(weight));
  });
  const server = chosen.lookup(choice.get()).orPass();
  atomic(server, Chosen, "times").add(1);
  return pass();
});

if (import.meta.main) {
  const weights = [5, 3, 2];
  using running = new Running(openHost(), weightedChoice);
  running.map(settings).update(0, {
    count: weights.length,
    totalWeight: weights.reduce((sum, weight) => sum + weight),
    servers: Array.from({ length: MOST }, (_, index) => ({ weight: weights[index] ?? 0 })),
  });
  for (let client = 0; client < 1000; client++) running.run(makePacket({ sourcePort: 10_000 + client }));
  weights.forEach((weight, index) => {
    console.log(`weight ${weight}: chosen ${running.map(chosen).lookup(index)?.times} times of 1000`);
  });
}
