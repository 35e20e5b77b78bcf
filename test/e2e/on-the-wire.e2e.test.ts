// What people forget, end to end: pings, datagrams in fragments, and ICMP errors through a translating director. The
// virtual address is on no interface, so that only the director's programs can have answered for it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DirectorHost, serverAddress } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

const address = "198.51.100.20";
/** What fits no frame: three fragments. */
const LENGTH = 4000;

/** Sends back what it gets. */
const echo = `
  const socket = require("node:dgram").createSocket("udp4");
  socket.on("message", (message, { port, address }) => socket.send(message, port, address));
  socket.bind(5353, () => console.log("listening"));
`;
/** Sends to a port of the service, and says what came of it. */
const ask = (port: number) => `
  const socket = require("node:dgram").createSocket("udp4");
  const say = (text) => (console.log(text), socket.close());
  socket.on("error", ({ code }) => say(code));
  const isWhole = (message) => message.every((byte) => byte === 7);
  socket.on("message", (message, { address }) => say([message.length, address, isWhole(message)].join(" ")));
  socket.connect(${port}, "${address}", () => socket.send(Buffer.alloc(${LENGTH}, 7)));
  setTimeout(() => say("nothing"), 10_000).unref();
`;

describe.skipIf(needsRoot)("on the wire, through nat", () => {
  let host: DirectorHost;

  beforeAll(async () => {
    host = new DirectorHost();
    const [, mac] = /link\/ether (\S+)/.exec(host.ip("director", "link show front")) ?? [];
    host.ip("client", `neighbour add ${address} lladdr ${mac} dev eth0`);
    const server = host.spawn("server", [process.execPath, "-e", echo]);
    await new Promise((resolve) => server.stdout?.once("data", resolve));
  });
  afterAll(() => host[Symbol.dispose]());

  test("fragments arrive both ways, a closed port is told, and the address answers pings", async () => {
    const service = (port: number, serverPort: number) =>
      `{ address: ${address}, port: ${port}, protocol: udp, scheduler: rr, forwarding: nat, ` +
      `servers: [{ address: ${serverAddress}, port: ${serverPort} }] }`;
    const director = await host.start(`director: { interfaces: [front, back], hook: xdp-generic }
services:
  open: ${service(53, 5353)}
  closed: ${service(54, 5354)}
`);
    const client = async (...words: string[]) => (await host.run("client", words)).stdout.trim();
    expect(await client(process.execPath, "-e", ask(53))).toBe(`${LENGTH} ${address} true`);
    expect(await client(process.execPath, "-e", ask(54))).toBe("ECONNREFUSED");
    expect(await client("ping", "-c", "3", "-i", "0.2", "-W", "5", address)).toContain("3 received");
    expect((await director.stop("SIGTERM")).status).toBe(0);
  });
});
