// Directors that follow one another while requests run: killed, stopped, started with another configuration. No request
// fails, and a connection that was there from the beginning goes on to the end.
import { setTimeout as sleep } from "node:timers/promises";
import type { DirectorStatus } from "@yardmaster/director";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { configOf, type Director, DirectorHost, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";
import { echoServer, firstLine, whileAsking } from "./load.ts";

const atHook = (hook: string): string => configOf(["interfaces: [front, back]", `hook: ${hook}`]);

describe.skipIf(needsRoot)("directors that follow one another", () => {
  let host: DirectorHost;
  const started: Director[] = [];
  beforeAll(async () => {
    host = new DirectorHost();
    await firstLine(host.spawn("server", [process.execPath, "-e", echoServer]));
  });
  afterEach(async () => {
    for (const director of started.splice(0)) await director.stop("SIGKILL");
    await host.instance(["down"]);
    expect(await host.left()).toEqual([]);
  });
  afterAll(() => host[Symbol.dispose]());

  const start = async (config: string): Promise<Director> => {
    const director = await host.startInstance(config);
    started.push(director);
    return director;
  };

  test.each([
    ["tc", "tc"],
    ["xdp-generic", "generic"],
  ])("killed and started again, stopped and started again, hook %s: nobody notices", async (hook, mode) => {
    const config = atHook(hook);
    const asked = await (async () => {
      let director = await start(config);
      return await whileAsking(host, async () => {
        for (const signal of ["SIGKILL", "SIGTERM", "SIGKILL"] as const) {
          await sleep(300);
          await director.stop(signal);
          expect(host.attached()).toEqual([`front ${mode}`, `back ${mode}`]);
          await sleep(300);
          director = await start(config);
          expect(director.said()).toMatch(/taken over from version .*: [1-9]\d* entries/);
        }
        await sleep(300);
      });
    })();
    expect(asked).toMatchObject({ failed: [], keptConnections: 1 });
    expect(asked.answered).toBeGreaterThan(50);
  });

  test("a successor may have another hook: what was there goes once the new is there", async () => {
    let director = await start(atHook("tc"));
    const asked = await whileAsking(host, async () => {
      for (const [hook, mode] of [
        ["xdp-generic", "generic"],
        ["auto", "tc"],
        ["xdp", "native"],
        ["tc", "tc"],
      ] as const) {
        await sleep(300);
        await director.stop("SIGKILL");
        director = await start(atHook(hook));
        expect(host.attached()).toEqual([`front ${mode}`, `back ${mode}`]);
        expect(director.said()).toMatch(/taken over from version .*: [1-9]\d* entries/);
      }
      await sleep(300);
    });
    expect(asked).toMatchObject({ failed: [], keptConnections: 1 });
  });

  test("an interface that is no longer named has no program, whichever way it was put there", async () => {
    const director = await start(configOf());
    expect(host.attached()).toEqual(["front tc", "back tc"]);
    await director.stop("SIGKILL");
    await start(configOf(["interfaces: [front]"]));
    expect(host.attached()).toEqual(["front tc"]);
  });

  test("a successor may have other services, schedulers and sizes", async () => {
    const more = `${configOf(["interfaces: [front, back]", "connections: { maximum: 4000 }"]).replace("rr", "wlc")}
  other:
    address: ${vip}
    port: 81
    forwarding: dr
    scheduler: mh
    servers: [{ address: 10.0.0.12 }]
`;
    let director = await start(configOf(["interfaces: [front, back]", "connections: { maximum: 1000 }"]));
    const asked = await whileAsking(host, async () => {
      for (const config of [more, configOf(), more]) {
        await sleep(300);
        await director.stop("SIGKILL");
        director = await start(config);
      }
      await sleep(300);
    });
    expect(asked).toMatchObject({ failed: [], keptConnections: 1 });
    const status = JSON.parse((await host.yardmaster(["status", "--json", "--socket", director.socketPath])).stdout);
    expect((status as DirectorStatus).services.map(({ name }) => name)).toEqual(["web", "other"]);
  });

  test("one that cannot start changes nothing: the former program goes on", async () => {
    const director = await start(configOf());
    const asked = await whileAsking(host, async () => {
      await director.stop("SIGTERM");
      await expect(host.startInstance(configOf(["interfaces: [nowhere]"]))).rejects.toThrow(/nowhere/);
      await sleep(300);
    });
    expect(asked).toMatchObject({ failed: [], keptConnections: 1 });
  });

  test("two never have the same instance", async () => {
    await start(configOf());
    await expect(host.startInstance(configOf())).rejects.toThrow(/another director runs it already/);
  });

  test("down stops the director that runs, wherever it answers, and takes everything off", async () => {
    const director = await start(configOf());
    const down = await host.instance(["down"]);
    expect(down).toMatchObject({ status: 0 });
    expect(down.stderr.split("\n")).toEqual([
      `stopped the director (pid ${director.pid}, answering on ${director.socketPath})`,
      "took the programs off back, front",
      expect.stringMatching(/^removed \/sys\/fs\/bpf\/yardmaster\/e2e-/),
      expect.stringMatching(/^removed .*\/state\/e2e-/),
      expect.stringMatching(/^instance "e2e-.*" is down: its services and connections are gone$/),
      "",
    ]);
    expect(await director.ended).toMatchObject({
      ...{ status: 0, stderr: expect.stringMatching(/^stopping: POST \/v1\/stop\nstopped: /m) },
    });
    expect(await host.left()).toEqual([]);
  });

  test("down says so where a process runs the instance that does not answer, and touches nothing", async () => {
    const director = await start(configOf());
    process.kill(director.pid, "SIGSTOP");
    const down = await host.instance(["down"]);
    process.kill(director.pid, "SIGCONT");
    expect(down).toMatchObject({ status: 1, stderr: expect.stringMatching(/did not answer within/) });
    expect(host.attached()).toEqual(["front tc", "back tc"]);
  });

  test("down takes everything off, and says so when there is nothing", async () => {
    const director = await start(configOf());
    expect((await director.stop("SIGTERM")).stderr).toMatch(/^stopped: packets are forwarded without it/m);
    expect(host.attached()).toEqual(["front tc", "back tc"]);
    const down = await host.instance(["down"]);
    expect(down).toMatchObject({ status: 0, stderr: expect.stringMatching(/^took the programs off .*front/m) });
    expect(await host.left()).toEqual([]);
    expect((await host.instance(["down"])).stderr).toMatch(/there is nothing of instance/);
  });
});
