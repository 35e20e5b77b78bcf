// Health checks through the data plane, by every method at every hook in both families: a server that works is up; one
// that lacks the service's address, its unwrapper or its way back is found down, where a check of its own address finds
// nothing amiss; and nobody counts a check as a client.
import { writeFileSync } from "node:fs";
import type { CheckStatus, DirectorStatus } from "@yardmaster/director";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Director, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";
import { configurationOf, methods, MethodsHost, vip6 } from "./methods-host.ts";

/** Answers on all ports, on any address. */
const serverProgram = `
  const { createServer } = require("node:http");
  let left = ${methods.length};
  for (const port of ${JSON.stringify(methods.map(({ serverPort }) => serverPort))}) {
    createServer((request, response) => response.end(request.headers.host)).listen(port, "::", () => {
      left -= 1;
      if (left === 0) console.log("listening");
    });
  }`;
const pace = "interval: 200ms, timeout: 1s, rise: 2, fall: 2";
const checks = `checks: [{ http: { path: / }, ${pace} }, { tcp: {}, via: direct, ${pace} }], `;
const all = (["ipv4", "ipv6"] as const).flatMap((family) => methods.map(({ name }) => `${name}-${family}`));
const direct = all.filter((name) => !name.includes("nat"));

/** UDP services that nobody answers for. */
const silent = ["nat", "dr", "fullnat"].flatMap((forwarding, kind) =>
  [vip, vip6].map((address, at) => {
    const server = `servers: [{ address: "${at === 0 ? "10.0.0.11" : "fd00::11"}" }]`;
    const check = `check: { udp: { send: x }, ${pace} }`;
    const place = `address: "${address}", port: ${9000 + kind}, protocol: udp, forwarding: ${forwarding}`;
    return `  udp-${forwarding}-${at}: { ${place}, ${check}, ${server} }\n`;
  }),
);

describe.skipIf(needsRoot)("checks through the data plane", () => {
  let hosts: MethodsHost;
  let director: Director;
  let wasKilled = false;

  async function read<T>(words: readonly string[]): Promise<T> {
    const { stdout } = await hosts.host.yardmaster([...words, "--json", "--socket", director.socketPath]);
    return JSON.parse(stdout) as T;
  }
  const readChecks = () => read<readonly CheckStatus[]>(["checks"]);
  /** Services whose server is down by checks that take this way. */
  async function down(via: CheckStatus["via"]): Promise<readonly string[]> {
    const failing = (await readChecks()).filter((check) => check.via === via && !check.isUp);
    return failing.flatMap(({ servers }) => servers.map(({ service }) => service)).toSorted();
  }
  const becomes = (wanted: readonly string[]) =>
    expect.poll(() => down("vip"), { timeout: 30_000, interval: 200 }).toEqual(wanted.toSorted());
  /** Every check has been answered since now. */
  async function allAnswer(): Promise<void> {
    const since = Date.now();
    const isAnswered = ({ exchanges }: CheckStatus) => {
      const last = exchanges.at(-1);
      return last?.outcome === "good" && last.atMs >= since;
    };
    const unanswered = async () =>
      (await readChecks())
        .filter((check) => !isAnswered(check))
        .map(({ via, servers, exchanges }) => `${via} ${servers[0]?.service ?? ""}: ${exchanges.at(-1)?.reason ?? ""}`);
    await expect.poll(unanswered, { timeout: 30_000, interval: 200 }).toEqual([]);
  }

  beforeAll(async () => {
    hosts = new MethodsHost();
    await hosts.prepare();
    await hosts.serve(serverProgram);
  });
  afterAll(() => hosts[Symbol.dispose]());
  afterEach(async () => {
    const { status } = await director.stop("SIGTERM");
    expect(status === 0 || wasKilled).toBe(true);
    wasKilled = false;
    expect(hosts.host.ip("director", "-br link"), "interfaces of checks are gone").not.toContain("ymc");
  });

  test.each([
    ["tc", true],
    ["xdp", false],
    ["xdp-generic", false],
  ] as const)("hook %s, offloads on: %s", { timeout: 180_000 }, async (hook, hasOffloads) => {
    const { host } = hosts;
    hosts.setOffloads(hasOffloads);
    director = await host.start(configurationOf(hook, checks));
    await allAnswer();
    const status = await read<DirectorStatus>(["status"]);
    for (const { name, servers } of status.services) {
      const [server] = servers;
      expect(server, name).toMatchObject({
        activeConnections: 0,
        inactiveConnections: 0,
        connections: 0,
        packetsIn: 0,
      });
      expect(server?.packetsOut ?? 0, name).toBe(0);
    }

    hosts.down();
    await becomes(direct);
    expect(await down("direct")).toEqual([]);
    const [failing] = (await readChecks()).filter(({ isUp }) => !isUp);
    expect(failing?.exchanges.at(-1)?.reason).toMatch(/timed out after 1000 ms: no connection|ECONN|EHOST/);

    hosts.up();
    await allAnswer();
    host.ip("server", "route del default");
    host.ip("server", "-6 route del default");
    await becomes(["nat-ipv4", "nat-ipv6"]);
    expect(await down("direct")).toEqual([]);
    host.ip("server", "route add default via 10.0.0.1");
    host.ip("server", "-6 route add default via fd00::1");
    await allAnswer();
    await becomes([]);
  });

  test("a UDP server that refuses is found out by its ICMP error", async () => {
    director = await hosts.host.start(`${configurationOf("tc", checks)}${silent.join("")}`);
    await becomes(silent.map((line) => line.trim().split(":")[0] ?? ""));
    const refused = (await readChecks()).filter(({ check }) => check === "udp");
    for (const { exchanges, servers } of refused) {
      expect(exchanges.at(-1)?.reason, JSON.stringify(servers)).toMatch(/ECONNREFUSED/);
    }
  });

  test("begins with a reload, outlives programs and directors, goes with the instance, beside another's", async () => {
    const { host } = hosts;
    const rest = checks.replaceAll(/fall: 2/g, "fall: 1");
    const file = host.write(configurationOf("tc", ""));
    director = await host.startFile(file);
    expect(names(host.ip("director", "-br link"))).toEqual([]);
    const reload = async (text: string, times: number) => {
      writeFileSync(file, text);
      process.kill(director.pid, "SIGHUP");
      const count = () => director.said().split(/SIGHUP: .*; program/).length - 1;
      await expect.poll(count, { timeout: 30_000, interval: 100 }).toBe(times);
    };
    await reload(configurationOf("tc", rest), 1);
    await allAnswer();
    // Another scheduler is another program.
    await reload(configurationOf("tc", `scheduler: mh, ${rest}`), 2);
    await reload(`${configurationOf("tc", rest).replace("hook:", "checkNetworks: [192.0.2.0/26], hook:")}`, 3);
    await allAnswer();
    expect(host.ip("director", "-4 -br address")).toMatch(/ymc-\w+a@\S+ +\S+ +192\.0\.2\.1\/32/);
    expect(director.said(), "nobody was down, not even for one exchange").not.toContain(" is down");

    await director.stop("SIGKILL");
    wasKilled = true;
    expect(names(host.ip("director", "-br link")).length, "left over").toBe(2);
    const other = await host.start(`director: { interfaces: [front], hook: xdp-generic }
services:
  x: { address: 198.51.100.77, port: 80, forwarding: dr, check: tcp, servers: [{ address: 198.51.100.2 }] }
`);
    expect(names(host.ip("director", "-br link")).length, "beside another's").toBe(4);
    await other.stop("SIGTERM");
    expect(names(host.ip("director", "-br link")).length, "the other's are gone").toBe(2);
    expect((await host.instance(["down"])).status).toBe(0);
  });

  test("where they have no way the reason is told, and nobody is taken down; direct ones go on", async () => {
    const { host } = hosts;
    host.ip("director", "address add 192.0.2.9/32 dev back");
    director = await host.start(configurationOf("tc", checks).replace("hook:", "checkNetworks: [192.0.2.0/26], hook:"));
    const reason =
      "checks through the data plane: 192.0.2.0/26 has addresses that are in use, such as 192.0.2.9; " +
      "name a free one under director.checkNetworks";
    expect(director.said()).toContain(`${reason}: those with via: vip say nothing of their servers`);
    const lasts = async (via: string) => {
      const all = (await readChecks()).filter((check) => check.via === via);
      return [...new Set(all.map(({ exchanges }) => `${exchanges.at(-1)?.outcome}: ${exchanges.at(-1)?.reason}`))];
    };
    await expect.poll(() => lasts("vip"), { timeout: 10_000 }).toEqual([`unknown: ${reason}`]);
    await expect.poll(() => lasts("direct"), { timeout: 10_000 }).toEqual(["good: connected"]);
    await becomes([]);
    host.ip("director", "address delete 192.0.2.9/32 dev back");
  });
});

/** The checks' interfaces among a machine's. */
function names(links: string): readonly string[] {
  return [...links.matchAll(/^ymc\S+/gm)].map(([name]) => name);
}
