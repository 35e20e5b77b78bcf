// Full NAT with real TCP, in both families: the server has no route to the clients, and stands behind a router.
import { PacketTap, withNetworkNamespace } from "@yardmaster/linux";
import { formatAddress, layerOf, parseFrame } from "@yardmaster/packet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Director, DirectorHost, localAddresses, routedServers, vip, vip6 } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

/** A real server that answers with whom it talks to. */
const server = `
const http = require("node:http");
for (const address of ${JSON.stringify(routedServers)})
  http.createServer((q, a) => a.end(q.socket.remoteAddress + "\\n")).listen(8080, address, () => console.log("up"));
`;
const config = `director:
  interfaces: [front, back]
  localAddresses: [${localAddresses.join(", ")}]
services:
  web:
    address: ${vip}
    port: 80
    forwarding: fullnat
    servers: [{ address: ${routedServers[0]}, port: 8080 }]
  web6:
    address: "${vip6}"
    port: 80
    forwarding: fullnat
    servers: [{ address: "${routedServers[1]}", port: 8080 }]
`;

describe.skipIf(needsRoot)("full NAT of a running director", () => {
  let host: DirectorHost;
  let director: Director;
  beforeAll(async () => {
    host = new DirectorHost();
    host.prepareFullNat();
    host.putServerBehindRouter();
    const child = host.spawn("server", [process.execPath, "-e", server]);
    await new Promise((up) => child.stdout?.once("data", up));
    director = await host.start(config);
  });
  afterAll(() => host[Symbol.dispose]());

  test.each([
    ["IPv4", vip, "10.0.0.5"],
    ["IPv6", `[${vip6}]`, "fd00::5"],
  ])("serves %s clients from the local address", async (_family, address, local) => {
    for (let at = 0; at < 5; at += 1) {
      const { stdout } = await host.run("client", ["curl", "-sS", "--max-time", "10", `http://${address}/`]);
      expect(stdout).toBe(`${local}\n`);
    }
  });

  test.each([
    ["IPv4", vip, "ipv4", "198.51.100.2"],
    ["IPv6", `[${vip6}]`, "ipv6", "2001:db8:5::2"],
  ] as const)(
    "tells the server of %s clients on the packet that completes the handshake",
    async (_name, address, family, client) => {
      using tap = withNetworkNamespace(host.namespace("server"), () => new PacketTap());
      await host.run("client", ["curl", "-sS", "--max-time", "10", `http://${address}/`]);
      const segments = tap
        .read()
        .filter(({ direction }) => direction === "inbound")
        .map(({ bytes }) => parseFrame(bytes))
        .flatMap((parsed) => (layerOf(parsed, family) === undefined ? [] : [layerOf(parsed, "tcp")]))
        .filter((header) => header !== undefined);
      const told = segments.map(({ options }) => options.filter(({ kind }) => kind === 254));
      expect(told[0], "a SYN says nothing").toEqual([]);
      const [option] = told[1] ?? [];
      const { sourcePort } = { sourcePort: ((option?.data[0] ?? 0) << 8) | (option?.data[1] ?? 0) };
      expect(sourcePort).toBeGreaterThan(1023);
      expect(formatAddress(option?.data.slice(2) ?? new Uint8Array())).toBe(client);
      expect(told.at(-1), "nor does what comes when the server has spoken").toEqual([]);
    },
  );

  test("status and connections show the local ports", async () => {
    const at = ["--socket", director.socketPath];
    const status = await host.yardmaster(["status", ...at]);
    expect(status.stdout).toMatch(/LOCAL PORTS/);
    const connections = await host.yardmaster(["connections", ...at]);
    expect(connections.stdout).toMatch(/10\.0\.0\.5:\d+ +10\.9\.0\.11:8080/);
    expect((await director.stop("SIGTERM")).status).toBe(0);
  });
});
