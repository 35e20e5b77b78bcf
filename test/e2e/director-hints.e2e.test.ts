// Status tells a person what keeps a service from working, with evidence and the command that mends it: a NAT server
// whose way back leads past the director, a dr server without the service's address, and a server that is not there.
import { setTimeout as sleep } from "node:timers/promises";
import type { DirectorStatus } from "@yardmaster/director";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { configOf, DirectorHost, serverAddress, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

const patienceMs = 20_000;

describe.skipIf(needsRoot)("hints of a running director", () => {
  let host: DirectorHost;
  beforeAll(() => {
    host = new DirectorHost();
  });
  afterAll(() => host[Symbol.dispose]());

  const hintsOf = async (socketPath: string) => {
    const { stdout } = await host.yardmaster(["status", "--json", "--socket", socketPath]);
    return (JSON.parse(stdout) as DirectorStatus).hints;
  };
  /** Opens connections from the client until there is a hint of this code, or patience ends. */
  const afterTraffic = async (socketPath: string, code: string) => {
    const connect = ["timeout", "1", "bash", "-c", `: < /dev/tcp/${vip}/80`];
    for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(200)) {
      await host.run("client", connect);
      const hint = (await hintsOf(socketPath)).find((each) => each.code === code);
      if (hint !== undefined) return hint;
    }
    return undefined;
  };

  test("NAT whose server has no way back through the director", async () => {
    host.ip("server", "route del default via 10.0.0.1");
    const director = await host.start(configOf());
    expect(await hintsOf(director.socketPath)).toEqual([]);
    expect(await afterTraffic(director.socketPath, "YM_STATUS_NO_REPLIES")).toMatchObject({
      ...{ severity: "warning", service: "web", server: "10.0.0.11:8080" },
      message: "nat sends packets to 10.0.0.11:8080, and none comes back",
      evidence: expect.stringMatching(/^\d+ packets in, 0 out$/) as string,
      hint: expect.stringMatching(/^on the server: ip route replace default via 10\.0\.0\.1;/) as string,
    });
    const { stdout } = await host.yardmaster(["status", "--socket", director.socketPath]);
    expect(stdout).toMatch(/^HINTS\nwarning: web -> 10\.0\.0\.11:8080: nat sends/m);

    // Mended as it says: answers come (resets, nobody listens), and the hint goes.
    host.ip("server", "route replace default via 10.0.0.1");
    await host.run("client", ["timeout", "1", "bash", "-c", `: < /dev/tcp/${vip}/80`]);
    expect(await hintsOf(director.socketPath)).toEqual([]);
    expect((await director.stop("SIGTERM")).status).toBe(0);
  });

  test("direct routing to a server that has not the service's address", async () => {
    const servers = `servers: [{ address: ${serverAddress} }]`;
    const director = await host.start(`services: { web: { address: ${vip}, port: 80, forwarding: dr, ${servers} } }\n`);
    expect(await afterTraffic(director.socketPath, "YM_STATUS_NOT_ESTABLISHED")).toMatchObject({
      message: "clients of 10.0.0.11:80 send SYNs and never get on: its answers do not reach them",
      evidence: expect.stringMatching(/^\d+ connections, all of them SYN_RECV$/) as string,
      hint: `on the server: yardmaster realserver up --method dr --service ${vip}; yardmaster realserver check`,
    });
    expect((await director.stop("SIGTERM")).status).toBe(0);
  });

  test("a server that is not there", async () => {
    const director = await host.start(configOf().replaceAll("10.0.0.11", "10.0.0.99"));
    expect(await afterTraffic(director.socketPath, "YM_CONFIG_NEIGHBOUR")).toMatchObject({
      message: "server 10.0.0.99 does not answer ARP on back",
      // Asked for again and again, for packets wait for it.
      evidence: expect.stringMatching(/^ip neighbour show 10\.0\.0\.99 dev back: (INCOMPLETE|FAILED)$/) as string,
    });
    expect((await director.stop("SIGTERM")).status).toBe(0);
  });
});
