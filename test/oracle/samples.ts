// Recordings for the runner's tests, written by hand: what a kernel would have recorded of the fake balancer.
import { ethernet, frame, type FramePart, ipv4, toHex, udp } from "@yardmaster/packet";
import type { LiveNetwork } from "./network.ts";
import { clientRouter, links, serverMac, type Side } from "./topology.ts";

/** A scenario as JSON: round robin over two servers by direct routing, which a test changes and gives steps. */
export function scenarioJson(changes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    name: "sample",
    scheduler: "rr",
    flags: [],
    mode: "dr",
    protocol: "tcp",
    service: { address: "10.3.0.1", port: 80 },
    servers: [
      { address: "10.2.0.11", port: 80, weight: 1 },
      { address: "10.2.0.12", port: 80, weight: 1 },
    ],
    kernel_order: ["10.2.0.12:80", "10.2.0.11:80"],
    ...changes,
  };
}

/** A connection is opened and the balancer looked at. */
export const connectStep = { op: "connect", c: 1, src: "10.1.1.1", sport: 1025 } as const;
export const connectResult = {
  server: "10.2.0.12:80",
  counts: { "10.2.0.12:80": [1, 0], "10.2.0.11:80": [0, 0] },
  conn: { server: "10.2.0.12:80", state: "ESTABLISHED", expires: 899 },
  conns: ["TCP 10.1.1.1:1025 10.3.0.1:80 -> 10.2.0.12:80 ESTABLISHED 899"],
  order: ["10.2.0.12:80", "10.2.0.11:80"],
  t: 10,
} as const;

/** A packet vector as JSON: a datagram through NAT to a mapped port, and its answer. */
export function vectorJson(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const request = { source: "10.1.1.7", destination: "10.3.0.1" };
  const answer = { source: "10.2.0.11", destination: "10.1.1.7" };
  const asked = { sourcePort: 40000, destinationPort: 53 };
  const answered = { sourcePort: 5353, destinationPort: 40000 };
  return {
    name: "sample",
    ipvsadm: ["-A -u 10.3.0.1:53 -s rr", "-a -u 10.3.0.1:53 -r 10.2.0.11:5353 -m"],
    sysctl: {},
    commands: [],
    exchanges: [
      {
        note: "datagram",
        in: datagram("c", "in", ipv4(request), udp(asked), "hello"),
        out: [
          datagram(
            "s",
            "out",
            ipv4({ ...request, destination: "10.2.0.11", ttl: 63 }),
            udp({ ...asked, destinationPort: 5353 }),
            "hello",
          ),
        ],
      },
      {
        note: "answer",
        in: datagram("s", "in", ipv4(answer), udp(answered), "world!"),
        out: [
          datagram(
            "c",
            "out",
            ipv4({ ...answer, source: "10.3.0.1", ttl: 63 }),
            udp({ ...answered, sourcePort: 53 }),
            "world!",
          ),
        ],
      },
    ],
    conns: ["UDP 0A010107 9C40 0A030001 0035 0A02000B 14E9 UDP             299"],
    ...changes,
  };
}

/** A frame on a link in the form of packet vectors: to the director or from it. */
export function datagram(side: Side, way: "in" | "out", ...parts: readonly FramePart[]) {
  const other = side === "c" ? clientRouter.mac : serverMac(11);
  const own = links[side].mac;
  const macs = way === "in" ? { source: other, destination: own } : { source: own, destination: other };
  return { side, frame: toHex(frame(ethernet(macs), ...parts)) };
}

/** A network for balancers that need none. */
export function noNetwork(): LiveNetwork & { isDisposed: boolean } {
  return {
    name: "none",
    isDisposed: false,
    enter: (run) => run(),
    indexOf: () => 0,
    mtuOf: () => 1500,
    [Symbol.dispose]() {
      this.isDisposed = true;
    },
  };
}
