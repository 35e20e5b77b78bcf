// Health checks through the data plane, by every method at every hook in both families: a server that works is up; one
// that lacks the service's address, its unwrapper or its way back is found down, where a check of its own address finds
// nothing amiss; and nobody counts a check as a client.
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
    expect((await director.stop("SIGTERM")).status).toBe(0);
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
});
