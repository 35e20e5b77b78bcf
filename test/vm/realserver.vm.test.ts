// A real server whose tunnels the kernel's own devices take apart, and one whose tunnels ours takes apart, before a
// kernel that wraps: stock Linux has the modules that the machine outside may lack. Runs in the guest.
import { afterAll, beforeAll, expect, test } from "vitest";
import { DIRECTOR, RealServerNetwork, SERVER } from "../e2e/realserver-network.ts";
import { loadModules } from "./load-modules.ts";

const MODULES = ["ipip", "sit", "ip_gre", "ip6_tunnel", "ip6_gre"];
const VIP = { 4: "198.51.100.10", 6: "2001:db8:9::10" } as const;
const SERVICES = ["--service", `${VIP[4]}:80/tcp`, "--service", `[${VIP[6]}]:80/tcp`];
const DIRECTORS = ["--director", DIRECTOR[4], "--director", DIRECTOR[6]];
const SERVER_CODE = `
  require("node:net").createServer((socket) => socket.end("HTTP/1.0 200\\r\\n\\r\\nhello from " + socket.localAddress))
    .listen(80, "::", () => console.log("ready"));`;
interface Wrapper {
  readonly kind: string;
  readonly outer: 4 | 6;
  readonly inner: readonly (4 | 6)[];
  readonly more?: readonly string[];
}
/** Devices of the outside that wrap what is for the server, and which families they carry. */
const DEVICES: readonly Wrapper[] = [
  { kind: "ipip", outer: 4, inner: [4] },
  { kind: "sit", outer: 4, inner: [6] },
  { kind: "gre", outer: 4, inner: [4, 6] },
  // Without, Linux puts in a destination option before what is inside, which directors of ours do not.
  { kind: "ip6tnl", outer: 6, inner: [4, 6], more: ["encaplimit", "none"] },
];

let network: RealServerNetwork;
beforeAll(() => {
  loadModules(MODULES);
  network = new RealServerNetwork();
  for (const { kind, outer, more = [] } of DEVICES) {
    const ends = ["local", DIRECTOR[outer], "remote", SERVER[outer], ...more];
    network.run(network.outside, "ip", "link", "add", `t-${kind}`, "type", kind, ...ends);
    network.run(network.outside, "ip", "link", "set", `t-${kind}`, "up");
  }
});
afterAll(() => {
  network[Symbol.dispose]();
});

test.each(["kernel", "own"])("tunnels of the kernel are taken apart by %s", async (unwrap) => {
  using server = network.start(process.execPath, "-e", SERVER_CODE);
  const up = network.realServer("up", "--method", "tun", "--unwrap", unwrap, ...SERVICES, ...DIRECTORS);
  expect(up).toMatchObject({ status: 0 });
  while (!server.output().includes("ready")) await new Promise((resolve) => setTimeout(resolve, 50));
  for (const { kind, inner } of DEVICES) {
    for (const family of inner) {
      network.run(network.outside, "ip", "route", "replace", VIP[family], "dev", `t-${kind}`, "src", DIRECTOR[family]);
      const url = family === 4 ? `http://${VIP[4]}/` : `http://[${VIP[6]}]/`;
      const { text } = network.run(network.outside, "curl", "-sm20", url);
      expect(text, `IPv${family} in ${kind}`).toContain(`hello from ${family === 4 ? "::ffff:" : ""}${VIP[family]}`);
    }
  }
  expect(network.realServer("down").status).toBe(0);
  expect(network.run(network.server, "ip", "link").text).not.toContain("ymrs-");
});
