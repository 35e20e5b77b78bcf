// What checks found out outlives the director: a server that was down gets no connection from its successor either,
// also after kill -9, and comes back when it works.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Director, DirectorHost, serverAddress, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";
import { echoServer, firstLine, whileAsking } from "./load.ts";

const deadAddress = "10.0.0.12";
const configurationOf = (onDown: "drain" | "cut") => `director:
  interfaces: [front, back]
services:
  web:
    address: ${vip}
    port: 80
    forwarding: nat
    scheduler: rr
    check: { tcp: {}, interval: 1s, timeout: 900ms, rise: 2, fall: 4 }
    onDown: ${onDown}
    servers: [{ address: ${serverAddress}, port: 8080 }, { address: ${deadAddress}, port: 8080 }]
`;
const isDown = `web: server ${deadAddress}:8080 is down: `;

describe.skipIf(needsRoot)("verdicts of health checks", () => {
  let host: DirectorHost;
  const started: Director[] = [];
  beforeAll(async () => {
    host = new DirectorHost();
    host.ip("server", `address add ${deadAddress}/24 dev eth0`);
    const server = echoServer.replace("8080,", `8080, "${serverAddress}",`);
    await firstLine(host.spawn("server", [process.execPath, "-e", server]));
  });
  afterEach(async () => {
    for (const director of started.splice(0)) await director.stop("SIGKILL");
    await host.instance(["down"]);
  });
  afterAll(() => host[Symbol.dispose]());

  const start = async (config: string): Promise<Director> => {
    const director = await host.startInstance(config);
    started.push(director);
    return director;
  };
  const stateFile = () => {
    const [instance = ""] = readdirSync(join(host.folder, "state"));
    return join(host.folder, "state", instance, "verdicts.json");
  };
  const untilSaid = (director: Director, line: string) =>
    expect.poll(() => director.said(), { timeout: 30_000, interval: 50 }).toContain(line);
  /** Said, and a moment later written down. */
  const untilDown = async (director: Director) => {
    await untilSaid(director, `${isDown}tcp: connect ECONNREFUSED`);
    await expect.poll(() => existsSync(stateFile()), { timeout: 10_000, interval: 5 }).toBe(true);
  };

  test.each(["drain", "cut"] as const)(
    "onDown: %s: no request fails while directors follow one another",
    async (onDown) => {
      let director = await start(configurationOf(onDown));
      await untilSaid(director, `${isDown}tcp: connect ECONNREFUSED`);
      const asked = await whileAsking(host, async () => {
        for (const signal of ["SIGKILL", "SIGTERM"] as const) {
          await sleep(300);
          await director.stop(signal);
          await sleep(300);
          director = await start(configurationOf(onDown));
          expect(director.said()).toContain(`${isDown}as before the restart`);
          // Checks alone would need three seconds to find out.
          await sleep(1000);
        }
      });
      expect(asked).toMatchObject({ failed: [], keptConnections: 1 });
      expect(asked.answered).toBeGreaterThan(50);
    },
    90_000,
  );

  test("that are damaged are refused with a line, all begin as up, and checks find out", async () => {
    let director = await start(configurationOf("drain"));
    await untilDown(director);
    await director.stop("SIGKILL");
    writeFileSync(stateFile(), readFileSync(stateFile(), "utf8").slice(0, -3));
    director = await start(configurationOf("drain"));
    expect(director.said()).toMatch(/^reading .*verdicts\.json: it is damaged .*: all servers begin as up$/m);
    expect(director.said()).not.toContain(isDown);
    await untilSaid(director, isDown);
  }, 60_000);

  test("a server that works again meanwhile comes back", async () => {
    let director = await start(configurationOf("drain"));
    await untilDown(director);
    await director.stop("SIGKILL");
    const server = echoServer.replace("8080,", `8080, "${deadAddress}",`);
    await firstLine(host.spawn("server", [process.execPath, "-e", server]));
    director = await start(configurationOf("drain"));
    expect(director.said()).toContain(`${isDown}as before the restart`);
    await untilSaid(director, `web: server ${deadAddress}:8080 is up again: tcp: connected`);
  }, 60_000);
});
