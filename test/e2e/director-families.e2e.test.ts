// Full NAT between address families with real TCP at both hooks: IPv4 clients of a server that has only IPv6, and the
// reverse; short answers, many requests on one connection, and ten megabytes.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DirectorHost, localAddresses, serverAddress, serverAddress6, vip, vip6 } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

/** A real server that answers with whom it talks to, or with ten megabytes. */
const server = `
const http = require("node:http");
const large = Buffer.alloc(10_000_000, 7);
for (const address of ["10.9.0.11", "fd00:9::11"])
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
    servers: [{ address: "fd00:9::11", port: 8080 }]
  web6:
    address: "${vip6}"
    port: 80
    forwarding: fullnat
    servers: [{ address: 10.9.0.11, port: 8080 }]
`;

describe.skipIf(needsRoot).each(["tc", "xdp"])("full NAT between families at %s", (hook) => {
  let host: DirectorHost;
  beforeAll(async () => {
    host = new DirectorHost();
    host.prepareFullNat();
    for (const words of ["link set lo up", "address add 10.9.0.11/32 dev lo", "address add fd00:9::11/128 dev lo"]) {
      host.ip("server", words);
    }
    host.ip("director", `route add 10.9.0.0/24 via ${serverAddress}`);
    host.ip("director", `-6 route add fd00:9::/64 via ${serverAddress6}`);
    const child = host.spawn("server", [process.execPath, "-e", server]);
    await new Promise((up) => child.stdout?.once("data", up));
    await host.start(configFor(hook));
  });
  afterAll(() => host[Symbol.dispose]());

  describe.each([
    ["IPv4 clients of an IPv6 server", vip, "fd00::5"],
    ["IPv6 clients of an IPv4 server", `[${vip6}]`, "10.0.0.5"],
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
