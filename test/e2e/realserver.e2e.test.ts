// `yardmaster realserver` on a host of its own: what directors and clients see of it over a cable, and that everything
// is as before afterwards.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile, pass, xdp } from "@yardmaster/ebpf";
import { attachXdp, loadKernelProgram } from "@yardmaster/ebpf/kernel";
import { findLink, setOffloads, withNetworkNamespace } from "@yardmaster/linux";
import { gre, gue, ipv4, ipv6, udp } from "@yardmaster/packet";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { offeredSegment, visit } from "./realserver-client.ts";
import { DIRECTOR, GHOST, RealServerNetwork, SERVER } from "./realserver-network.ts";

const VIP = { 4: "198.51.100.10", 6: "2001:db8:9::10" } as const;
const SERVICES = ["--service", `${VIP[4]}:80/tcp`, "--service", `[${VIP[6]}]:80/tcp`];
const DIRECTORS = ["--director", DIRECTOR[4], "--director", DIRECTOR[6]];

/** A server that answers every request with what it knows of its client. */
const NODE_SERVER = `
  const server = require("node:http").createServer((request, response) => {
    response.end("client " + request.socket.remoteAddress + " port " + request.socket.remotePort);
  });
  server.listen(80, process.argv[1], () => console.log("ready"));
`;

let network: RealServerNetwork;
beforeAll(() => {
  network = new RealServerNetwork();
});
afterEach(() => {
  network.realServer("down");
});
afterAll(() => {
  network[Symbol.dispose]();
});

async function until(isSo: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 200 && !isSo(); attempt += 1) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(isSo()).toBe(true);
}

async function startNodeServer(address: string) {
  const server = network.start(process.execPath, "-e", NODE_SERVER, address);
  await until(() => server.output().includes("ready"));
  return server;
}

/** Everything that `up` may touch. */
function snapshot(): string {
  const settings = ["arp_ignore", "arp_announce", "rp_filter"].flatMap((name) =>
    ["all", "wire", "lo"].map((scope) => `net.ipv4.conf.${scope}.${name}`),
  );
  return [
    network.run(network.server, "sysctl", ...settings).text,
    network.run(network.server, "ip", "address").text.replaceAll(" tentative", ""),
    network.run(network.server, "ip", "-details", "link").text.replaceAll(/prog\/xdp.*/g, ""),
  ].join("\n");
}

describe("direct routing", () => {
  test("the virtual address is there, nobody answers for it on the wire, and check sees both", async () => {
    using _server = await startNodeServer("::");
    expect(network.realServer("up", ...SERVICES).status).toBe(0);
    const isAnswered = (address: string): boolean => {
      network.run(network.outside, "ip", "route", "replace", address, "dev", "wire");
      return network.run(network.outside, "ping", "-c", "1", "-W", "1", address).status === 0;
    };
    expect([isAnswered(SERVER[4]), isAnswered(VIP[4])]).toEqual([true, false]);
    expect([isAnswered(SERVER[6]), isAnswered(VIP[6])]).toEqual([true, false]);
    for (const family of [4, 6] as const) {
      const answer = await visit(network, {
        from: GHOST[family],
        to: VIP[family],
        port: 80,
        sourcePort: 5000 + family,
      });
      expect(answer).toContain(`client ${family === 4 ? "::ffff:" : ""}${GHOST[family]}`);
    }
    const { text, status } = network.realServer("check");
    expect(text).not.toMatch(/[✗?] /u);
    expect([status, text.match(/✓/gu)?.length]).toEqual([0, 6]);
  });

  test("check sees ARP and neighbour discovery that are answered, and a server that is not there", () => {
    network.realServer("up", ...SERVICES);
    network.run(network.server, "sysctl", "-w", "net.ipv4.conf.all.arp_ignore=0");
    network.run(network.server, "ip", "address", "add", `${VIP[6]}/128`, "dev", "wire", "nodad");
    const { text, status } = network.realServer("check");
    network.run(network.server, "ip", "address", "del", `${VIP[6]}/128`, "dev", "wire");
    expect(status).toBe(1);
    expect(text).toContain(`✗ ARP for ${VIP[4]}`);
    expect(text).toContain(`✗ neighbour discovery for ${VIP[6]}`);
    expect(text).toContain("a reset: nothing listens there");
  });
});

describe("tunnels", () => {
  const outer = {
    4: ipv4({ source: DIRECTOR[4], destination: SERVER[4] }),
    6: ipv6({ source: DIRECTOR[6], destination: SERVER[6] }),
  } as const;
  const tunnels = {
    ipip: [],
    gre: [gre({ checksum: "computed" })],
    gue: [udp({ sourcePort: 50_000, destinationPort: 6080 }), gue()],
  } as const;

  test("of directors are unwrapped, whatever is in what", async () => {
    using _server = await startNodeServer("::");
    expect(network.realServer("up", "--method", "tun", ...SERVICES, ...DIRECTORS)).toMatchObject({ status: 0 });
    let sourcePort = 6000;
    for (const [name, headers] of Object.entries(tunnels)) {
      for (const family of [4, 6] as const) {
        for (const inside of [4, 6] as const) {
          sourcePort += 1;
          const wrapper = [outer[family], ...headers];
          const answer = await visit(network, { from: GHOST[inside], to: VIP[inside], port: 80, sourcePort, wrapper });
          expect(answer, `IPv${inside} in ${name} in IPv${family}`).toContain(GHOST[inside]);
        }
      }
    }
    const { text, status } = network.realServer("check");
    expect(text).toMatch(/seen: {2}attached to wire; unwrapped \d+/u);
    expect([status, text.match(/✓/gu)?.length]).toEqual([0, 8]);
  });

  test("are too narrow for whole segments: the server says so in its answer, straight to the client", async () => {
    using _server = await startNodeServer("::");
    const offer = async (sourcePort: number, family: 4 | 6): Promise<number | undefined> => {
      const path = { from: GHOST[family], to: VIP[family], port: 80, sourcePort };
      return await offeredSegment(network, { ...path, wrapper: [outer[4]] });
    };
    network.realServer("up", "--method", "tun", ...SERVICES, ...DIRECTORS);
    expect([await offer(6200, 4), await offer(6201, 6)]).toEqual([1500 - 52 - 40, 1500 - 52 - 60]);
    network.realServer("up", "--method", "tun", ...SERVICES, ...DIRECTORS, "--mss-clamp", "1000");
    // A kernel at the other end verifies the checksum, be it summed up by the server or left to its card.
    for (const txChecksum of [true, false]) {
      withNetworkNamespace(network.server, () => setOffloads("wire", { txChecksum }));
      for (const url of [`http://${VIP[4]}/`, `http://[${VIP[6]}]/`]) {
        for (const family of [4, 6] as const)
          network.run(network.outside, "ip", "route", "replace", VIP[family], "via", SERVER[family]);
        expect(network.run(network.outside, "curl", "-sm5", url).text).toContain("client");
      }
    }
    withNetworkNamespace(network.server, () => setOffloads("wire", { txChecksum: true, tso: true }));
    expect([await offer(6202, 4), await offer(6203, 6)]).toEqual([1000, 1000]);
    network.realServer("up", "--method", "tun", ...SERVICES, ...DIRECTORS, "--mss-clamp", "off");
    expect([await offer(6204, 4), await offer(6205, 6)]).toEqual([1460, 1440]);
  });

  test("of strangers are not", async () => {
    using _server = await startNodeServer("::");
    network.realServer("up", "--method", "tun", ...SERVICES, "--director", "10.5.0.77");
    const wrapper = [outer[4]];
    const answer = await visit(network, { from: GHOST[4], to: VIP[4], port: 80, sourcePort: 6100, wrapper });
    expect(answer).toBeUndefined();
    expect(network.realServer("check").text).toContain("fromStranger");
  });

  test("without a director are refused", () => {
    const { text, status } = network.realServer("up", "--method", "tun", ...SERVICES);
    expect([status, text]).toEqual([2, expect.stringContaining("--director is missing")]);
  });
});

describe("full NAT", () => {
  const claimed = {
    4: { address: "203.0.113.7", port: 4242 },
    6: { address: "2001:db8:cafe::7", port: 4243 },
  } as const;

  test.each([4, 6] as const)("a Node server sees the client, IPv%i", async (family) => {
    using _server = await startNodeServer(family === 4 ? "0.0.0.0" : "::");
    network.realServer("up", "--method", "fullnat", "--director", GHOST[family]);
    const path = { from: GHOST[family], to: SERVER[family], port: 80 };
    const client = claimed[family];
    const answer = await visit(network, { ...path, sourcePort: 7000, client });
    expect(answer).toContain(`client ${client.address} port ${client.port}`);
    expect(await visit(network, { ...path, sourcePort: 7001 })).toContain(`client ${GHOST[family]} port 7001`);
    expect(network.realServer("check").status).toBe(0);
  });

  test("nginx logs the client, in both families", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ymrs-nginx-"));
    const log = join(folder, "access.log");
    const configuration = `
      daemon off; master_process off; pid ${folder}/pid; error_log stderr;
      events {}
      http {
        log_format seen '$remote_addr $remote_port'; access_log ${log} seen;
        server { listen 80; listen [::]:80 ipv6only=on; location / { return 200 "hello"; } }
      }`;
    writeFileSync(join(folder, "nginx.conf"), configuration);
    using server = network.start("nginx", "-p", folder, "-c", join(folder, "nginx.conf"));
    await until(() => existsSync(join(folder, "pid")) || server.output().includes("emerg"));
    expect(server.output()).not.toContain("emerg");
    network.realServer("up", "--method", "fullnat", "--director", GHOST[4], "--director", GHOST[6]);
    for (const family of [4, 6] as const) {
      const client = claimed[family];
      const path = { from: GHOST[family], to: SERVER[family], port: 80, sourcePort: 7100 + family };
      expect(await visit(network, { ...path, client })).toContain("hello");
    }
    await until(() => readFileSync(log, "utf8").split("\n").length > 2);
    expect(readFileSync(log, "utf8")).toBe("203.0.113.7 4242\n2001:db8:cafe::7 4243\n");
    rmSync(folder, { recursive: true });
  });
});

describe("down", () => {
  test.each([
    ["direct routing", SERVICES],
    ["a tunnel", ["--method", "tun", ...SERVICES, ...DIRECTORS]],
  ])("leaves everything as it was after %s, up once or twice", (_name, args) => {
    const before = snapshot();
    network.realServer("up", ...args);
    expect(snapshot()).not.toBe(before);
    network.realServer("up", ...args);
    expect(network.realServer("down").status).toBe(0);
    expect(snapshot()).toBe(before);
    expect(network.realServer("down").text).toContain("nothing to put back");
  });

  test("takes back what an up did that failed half-way", () => {
    using other = loadKernelProgram(compile(xdp("other", () => pass())), new Map());
    using _link = withNetworkNamespace(network.server, () =>
      attachXdp({ program: other, interfaceIndex: findLink("wire")?.index ?? 0, mode: "native" }),
    );
    const before = snapshot();
    const { status, text } = network.realServer("up", "--method", "tun", ...SERVICES, ...DIRECTORS);
    expect([status, text]).toEqual([1, expect.stringContaining('program "other"')]);
    expect(network.run(network.server, "ip", "address").text).toContain(VIP[4]);
    network.realServer("down");
    expect(snapshot()).toBe(before);
  });

  test("keeps a value that somebody else has set meanwhile, and says so", () => {
    network.realServer("up", ...SERVICES);
    network.run(network.server, "sysctl", "-w", "net.ipv4.conf.all.arp_ignore=2");
    expect(network.realServer("down").text).toContain("net/ipv4/conf/all/arp_ignore is 2, not the 1 we had set");
    network.run(network.server, "sysctl", "-w", "net.ipv4.conf.all.arp_ignore=0");
  });
});
