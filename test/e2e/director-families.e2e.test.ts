// Full NAT between address families with real TCP at both hooks: IPv4 clients of a server that has only IPv6, and the
// reverse; short answers, many requests on one connection, and ten megabytes.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DirectorHost, localAddresses, routedServers, vip, vip6 } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

/** A real server that answers with whom it talks to, or with ten megabytes. */
const server = `
const http = require("node:http");
const large = Buffer.alloc(10_000_000, 7);
for (const address of ${JSON.stringify(routedServers)})
  http.createServer((q, a) => a.end(q.url === "/large" ? large : q.socket.remoteAddress + "\\n"))
    .listen(8080, address, () => console.log("up"));
`;
const configFor = (hook: string) => `director:
  interfaces: [front, back]
  hook: ${hook}
  localAddresses: [${localAddresses.join(", ")}]
services:
  web:
    address: ${vip}
    port: 80
    forwarding: fullnat
    servers: [{ address: "${routedServers[1]}", port: 8080 }]
  web6:
    address: "${vip6}"
    port: 80
    forwarding: fullnat
    servers: [{ address: ${routedServers[0]}, port: 8080 }]
`;

describe.skipIf(needsRoot).each(["tc", "xdp"])("full NAT between families at %s", (hook) => {
  let host: DirectorHost;
  beforeAll(async () => {
    host = new DirectorHost();
    host.prepareFullNat();
    host.putServerBehindRouter();
    const child = host.spawn("server", [process.execPath, "-e", server]);
    await new Promise((up) => child.stdout?.once("data", up));
    await host.start(configFor(hook));
  });
  afterAll(() => host[Symbol.dispose]());

  describe.each([
    ["IPv4 clients of an IPv6 server", vip, localAddresses[1]],
    ["IPv6 clients of an IPv4 server", `[${vip6}]`, localAddresses[0]],
  ])("%s", (_name, address, local) => {
    test("the server answers to the local address of its own family, on one connection after another", async () => {
      const urls = new Array<string>(5).fill(`http://${address}/`);
      const { stdout } = await host.run("client", ["curl", "-sS", "--max-time", "10", ...urls]);
      expect(stdout).toBe(`${local}\n`.repeat(5));
    });

    test("ten megabytes come whole", async () => {
      const command = ["curl", "-sS", "--max-time", "30", "-o", "/dev/null", "-w", "%{size_download}"];
      const { stdout } = await host.run("client", [...command, `http://${address}/large`]);
      expect(stdout).toBe("10000000");
    });
  });
});
