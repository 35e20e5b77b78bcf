// A server that dies hard is found out by what its clients' packets meet, long before its checks alone would: its host
// silent or its process gone, by nat and by direct routing. And nobody who only sends SYNs takes a good one down.
import type { ChildProcess } from "node:child_process";
import type { CheckStatus } from "@yardmaster/director";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Director, DirectorHost, serverAddress, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";
import { firstLine } from "./load.ts";

/** By its checks alone a server that dies is down after at least two of these. */
const slowMs = 60_000;
const serverProgram = (address: string) => `
  require("node:http").createServer((request, response) => response.end("ok"))
    .listen(80, "${address}", () => console.log("listening"));`;
/** Opens connections without pause, ten a second, and waits for none. */
const clientProgram = `
  const { connect } = require("node:net");
  setInterval(() => connect(80, "${vip}").on("error", () => undefined).setTimeout(3000, function () { this.destroy(); })
    .on("connect", function () { this.destroy(); }), 100);
  console.log("asking");`;
/** SYNs that nobody stands behind, a thousand a second: by a raw socket, whose answers the machine resets. */
const floodProgram = `
import socket, struct, time, random
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
source, target = socket.inet_aton("198.51.100.77"), socket.inet_aton("${vip}")
raw.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
print("flooding", flush=True)
while True:
    port = random.randrange(1024, 65535)
    head = struct.pack("!HHLLBBHHH", port, 80, 1, 0, 5 << 4, 2, 1024, 0, 0)
    pseudo = source + target + struct.pack("!BBH", 0, 6, len(head))
    tcp = head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:]
    raw.sendto(struct.pack("!BBHHHBBH4s4s", 69, 0, 40, 0, 0, 64, 6, 0, source, target) + tcp, ("${vip}", 0))
    time.sleep(0.001)`;

const configurationOf = (forwarding: "nat" | "dr", intervalMs: number) => `director:
  interfaces: [front, back]
services:
  web:
    address: ${vip}
    port: 80
    forwarding: ${forwarding}
    check: { tcp: {}, interval: ${intervalMs}ms, jitter: 0s, timeout: 500ms, rise: 1, fall: 3 }
    servers: [{ address: ${serverAddress} }]
`;

describe.skipIf(needsRoot)("hints of clients' packets", () => {
  let host: DirectorHost;
  let running: ChildProcess[] = [];
  let director: Director;
  const start = async (where: string, words: readonly string[]) => {
    const child = host.spawn(where, words);
    running.push(child);
    await firstLine(child);
    return child;
  };
  const serve = (address: string) => start("server", [process.execPath, "-e", serverProgram(address)]);
  const ask = () => start("client", [process.execPath, "-e", clientProgram]);
  const checks = async () => {
    const { stdout } = await host.yardmaster(["checks", "--json", "--socket", director.socketPath]);
    return JSON.parse(stdout) as readonly CheckStatus[];
  };
  /** How long after now the server is down. */
  const untilDown = async () => {
    const startedAt = performance.now();
    await expect.poll(() => director.said(), { timeout: slowMs, interval: 50 }).toMatch(/is down: .*asked sooner/);
    return performance.now() - startedAt;
  };

  beforeAll(() => {
    host = new DirectorHost();
    host.ip("server", "link set lo up");
  });
  afterEach(async () => {
    for (const child of running) child.kill("SIGKILL");
    running = [];
    await director.stop("SIGTERM");
    host.ip("server", "link set eth0 up");
    host.ip("server", "route replace default via 10.0.0.1");
  });
  afterAll(() => host[Symbol.dispose]());

  test("a flood of SYNs brings a check forward now and then, and no good server down", async () => {
    const intervalMs = 3000;
    await serve("0.0.0.0");
    director = await host.start(configurationOf("nat", intervalMs));
    await start("client", ["python3", "-u", "-c", floodProgram]);
    const hinted = async () => (await checks())[0]?.exchanges.filter(({ hint }) => hint !== undefined) ?? [];
    await expect.poll(async () => (await hinted()).length, { timeout: 60_000, interval: 500 }).toBeGreaterThan(1);
    expect((await hinted()).map(({ outcome }) => outcome)).not.toContain("bad");
    expect(director.said()).not.toMatch(/is down/);
    // No more than one of its own and one on a hint for each interval.
    const [first, last] = [(await hinted())[0], (await hinted()).at(-1)];
    expect((last?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(intervalMs * 0.99);
  }, 120_000);

  describe.each([
    ["nat", serverAddress],
    ["dr", "0.0.0.0"],
  ] as const)("by %s", (forwarding, listeningAddress) => {
    // By direct routing answers go past the director.
    beforeAll(() => {
      if (forwarding !== "dr") return;
      host.ip("server", `address add ${vip}/32 dev lo`);
      host.ip("server", `link add past type veth peer name past netns ${host.namespace("client")}`);
      for (const [name, address] of [
        ["client", "10.9.0.1/24"],
        ["server", "10.9.0.2/24"],
      ] as const) {
        host.ip(name, `address add ${address} dev past`);
        host.ip(name, "link set past up");
      }
      host.ip("server", "route add 198.51.100.2/32 via 10.9.0.1");
    });

    test.each(["its process is killed", "its host is silent"])(
      "a server is out soon after %s",
      async (what) => {
        const server = await serve(listeningAddress);
        director = await host.start(configurationOf(forwarding, slowMs));
        await ask();
        await expect
          .poll(async () => (await host.yardmaster(["status", "--json", "--socket", director.socketPath])).stdout, {
            timeout: 30_000,
          })
          .toMatch(/"done": [1-9]/);
        if (what === "its process is killed") server.kill("SIGKILL");
        else host.ip("server", "link set eth0 down");
        // Three bad answers, each within half a second, and a second or two to notice; not three intervals.
        expect(await untilDown()).toBeLessThan(slowMs / 2);
        const [check] = await checks();
        expect(check?.isUp).toBe(false);
        expect(check?.exchanges.filter(({ hint }) => hint !== undefined).map(({ outcome }) => outcome)).toEqual(
          expect.arrayContaining(["bad", "bad", "bad"]),
        );
      },
      120_000,
    );
  });
});
