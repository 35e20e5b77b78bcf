// Every forwarding method at every hook with real TCP, in both families: at tc with the offloads that Linux has by
// default (checksums and segments are left to cards that do not exist), at XDP without. Bodies of some megabytes come
// back as they were sent, small requests are answered, and the server sees whom it should.
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { setOffloads, withNetworkNamespace } from "@yardmaster/linux";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Director, DirectorHost, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

const command = resolve(import.meta.dirname, "../../packages/cli/bin/yardmaster.js");
const vip6 = "2001:db8:5::10";
const bodyLength = 3_000_000;
const smallRequests = 20;

/** Ports of the services and, above, those of the servers where the method can map them. */
const methods = [
  { name: "nat", forwarding: "nat", port: 80, serverPort: 8080, isDirect: false },
  { name: "dr", forwarding: "dr", port: 8081, serverPort: 8081, isDirect: true },
  { name: "ipip", forwarding: "tun", port: 8082, serverPort: 8082, isDirect: true },
  { name: "gue", forwarding: "tun, encapsulation: gue", port: 8083, serverPort: 8083, isDirect: true },
  { name: "gre", forwarding: "tun, encapsulation: gre", port: 8084, serverPort: 8084, isDirect: true },
  { name: "fullnat", forwarding: "fullnat", port: 85, serverPort: 8085, isDirect: false },
] as const;
const serverPorts = methods.map(({ serverPort }) => serverPort);
const directPorts = methods.filter(({ isDirect }) => isDirect).map(({ port }) => port);
const families = {
  ipv4: { address: vip, server: "10.0.0.11", local: "10.0.0.5", client: "198.51.100.2", directClient: "198.51.100.3" },
  ipv6: {
    address: vip6,
    server: "fd00::11",
    local: "fd00::5",
    client: "2001:db8:5::2",
    directClient: "2001:db8:5::3",
  },
} as const;
const visits = (["ipv4", "ipv6"] as const).flatMap((family) =>
  methods.map(({ name, port, isDirect }) => {
    const { address, local, client, directClient } = families[family];
    const from = isDirect ? directClient : client;
    return { name: `${name} ${family}`, address, port, from, seen: name === "fullnat" ? local : from };
  }),
);

/** Gives back what it gets, and says who it got it from. */
const serverProgram = `
  const { createServer } = require("node:http");
  let left = ${serverPorts.length};
  for (const port of ${JSON.stringify(serverPorts)}) createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part)).on("end", () => {
      response.setHeader("x-client", request.socket.remoteAddress.replace("::ffff:", "")).end(Buffer.concat(parts));
    });
  }).listen(port, "::", () => --left || console.log("listening"));`;

/** Makes the visits one after the other; says as JSON what came of each. */
const clientProgram = `
  const http = require("node:http");
  const { createHash, randomBytes } = require("node:crypto");
  const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
  const ask = ({ address: host, port, from: localAddress }, body) => new Promise((done) => {
    const options = { host, port, localAddress, agent: false, method: "POST", timeout: 10_000 };
    const request = http.request(options, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part)).on("end", () => {
        const isSame = hash(Buffer.concat(parts)) === hash(body);
        done(isSame ? response.headers["x-client"] : "another body");
      });
    });
    request.on("timeout", () => request.destroy(new Error("no answer"))).on("error", (error) => done(String(error)));
    request.end(body);
  });
  (async () => {
    for (const visit of JSON.parse(process.argv[1])) {
      const seen = [await ask(visit, randomBytes(${bodyLength}))];
      for (let at = 0; at < ${smallRequests} && !/Error/.test(seen[at]); at += 1) {
        seen.push(await ask(visit, Buffer.from("small")));
      }
      console.log(visit.name + ": " + [...new Set(seen)].join(", "));
    }
  })();`;

const addresses = [
  ["client", "198.51.100.3/24 dev eth0"],
  ["client", "2001:db8:5::2/64 dev eth0 nodad"],
  ["client", "2001:db8:5::3/64 dev eth0 nodad"],
  ["client", "10.8.0.1/24 dev side"],
  ["client", "fd00:8::1/64 dev side nodad"],
  ["director", "2001:db8:5::1/64 dev front nodad"],
  ["director", `${vip6}/128 dev front nodad`],
  ["director", "10.0.0.5/32 dev back"],
  ["director", "fd00::1/64 dev back nodad"],
  // Deprecated: for full NAT alone, and no source of tunnels.
  ["director", "fd00::5/128 dev back nodad preferred_lft 0"],
  ["server", "fd00::11/64 dev eth0 nodad"],
  ["server", "10.8.0.2/24 dev side"],
  ["server", "fd00:8::2/64 dev side nodad"],
] as const;

function configuration(hook: string): string {
  const services = (["ipv4", "ipv6"] as const).flatMap((family) =>
    methods.map(({ name, forwarding, port, serverPort }) => {
      const { address, server } = families[family];
      const servers = `servers: [{ address: "${server}", port: ${serverPort} }]`;
      return `  ${name}-${family}: { address: "${address}", port: ${port}, forwarding: ${forwarding}, ${servers} }`;
    }),
  );
  const director = `interfaces: [front, back], hook: ${hook}, localAddresses: ["10.0.0.5", "fd00::5"]`;
  return [`director: { ${director} }`, "services:", ...services, ""].join("\n");
}

describe.skipIf(needsRoot)("every method at every hook", () => {
  let host: DirectorHost;
  let director: Director | undefined;

  const inServer = (args: readonly string[]): string => {
    const state = ["--state-directory", `${host.folder}/realserver`];
    const inside = [`--net=/run/netns/${host.namespace("server")}`, process.execPath, command, "realserver"];
    return execFileSync("nsenter", [...inside, ...args, ...state], { encoding: "utf8", stdio: "pipe" });
  };
  const setAllOffloads = (isOn: boolean): void => {
    for (const [name, links] of [
      ["client", ["eth0", "side"]],
      ["director", ["front", "back"]],
      ["server", ["eth0", "side"]],
    ] as const) {
      withNetworkNamespace(host.namespace(name), () => {
        for (const link of links) {
          // Towards a server with an unwrapper at native XDP a veth has no TSO to turn on.
          const tso = link === "back" ? {} : { tso: isOn };
          setOffloads(link, { ...tso, gso: isOn, txChecksum: isOn, gro: true });
        }
      });
    }
  };

  beforeAll(async () => {
    host = new DirectorHost();
    const settings = ["net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"];
    for (const name of ["client", "server"]) await host.run(name, ["sysctl", "-qw", ...settings]);
    await host.run("client", ["sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=0"]);
    await host.run("director", ["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]);
    // Answers of dr and tun go straight to the client, on a cable of their own.
    host.ip("server", `link add side type veth peer name side netns ${host.namespace("client")}`);
    for (const name of ["client", "server"]) host.ip(name, "link set side up");
    host.ip("server", "link set lo up");
    for (const [name, words] of addresses) host.ip(name, `address add ${words}`);
    host.ip("server", "route add 198.51.100.3/32 via 10.8.0.1");
    host.ip("server", "-6 route add 2001:db8:5::3/128 via fd00:8::1");
    host.ip("server", "-6 route add default via fd00::1");
    const services = directPorts.flatMap((port) => ["--service", `${vip}:${port}`, "--service", `[${vip6}]:${port}`]);
    inServer(["up", "--method", "tun", ...services, "--director", "10.0.0.1", "--director", "fd00::1"]);
    const child = host.spawn("server", [process.execPath, "-e", serverProgram]);
    await new Promise((listening) => child.stdout?.once("data", listening));
  });
  afterAll(() => {
    inServer(["down"]);
    host[Symbol.dispose]();
  });

  afterEach(async () => expect((await director?.stop("SIGTERM"))?.status).toBe(0));

  test.each([
    ["tc", true],
    ["xdp", false],
    ["xdp-generic", false],
  ] as const)("hook %s, offloads on: %s", async (hook, hasOffloads) => {
    setAllOffloads(hasOffloads);
    director = await host.start(configuration(hook));
    const { stdout, stderr } = await host.run("client", [
      process.execPath,
      "-e",
      clientProgram,
      JSON.stringify(visits),
    ]);
    expect(stderr).toBe("");
    expect(stdout.trimEnd().split("\n")).toEqual(visits.map(({ name, seen }) => `${name}: ${seen}`));
  });
});
