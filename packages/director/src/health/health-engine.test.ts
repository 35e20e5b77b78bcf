// The engine with its real clock and real sockets: hundreds of servers that never answer hold nobody up, and nothing is
// left of checks that are under way when they end.
import { createServer as createHttp } from "node:http";
import { createServer as createTcp } from "node:net";
import { expect, test } from "vitest";
import { servicesOf } from "../../test/health/check-bench.ts";
import { answerWith, listening, listeningUdp, openResources } from "../../test/health/servers.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";
import { HealthEngine } from "./health-engine.ts";

const pace = "via: direct, interval: 100ms, timeout: 30s, jitter: 10ms";

/** A service with checks of these kinds, and servers on loopback at a port. */
function serviceAt(port: number, kinds: readonly string[], last: readonly number[]): VirtualService {
  const checks = kinds.map((kind) => `{ ${kind}, ${pace} }`).join(", ");
  const text = `services:\n  web: { address: 198.51.100.10, port: ${port}, forwarding: nat, checks: [${checks}],`;
  const [service] = servicesOf(`${text} servers: [{ address: 10.0.0.1 }] }\n`);
  if (service === undefined) throw new Error("no service");
  const [usual] = service.servers;
  const servers = last.map((at): Destination => ({ ...(usual as Destination), address: `127.0.0.${at}` }));
  return { ...service, servers };
}

function upTo(count: number, first = 1): readonly number[] {
  return Array.from({ length: count }, (_, at) => at + first);
}

test("servers that never answer hold nobody up, and nothing is left", async () => {
  const opened = openResources();
  {
    await using silent = await listening(
      createTcp((socket) => answerWith(socket, "")),
      "0.0.0.0",
    );
    await using good = await listening(
      createHttp((_request, response) => void response.end("ok")),
      "0.0.0.0",
    );
    using engine = new HealthEngine({ onChange: () => undefined });
    engine.update([
      serviceAt(silent.port, ["http: {}", "tls: {}", "grpc: {}"], upTo(100)),
      serviceAt(good.port, ["http: {}"], upTo(20)),
    ]);
    const oks = () =>
      engine.snapshot().flatMap(({ port, exchanges }) => (port === good.port ? [exchanges.length] : []));
    await expect.poll(() => Math.min(...oks()), { timeout: 25_000 }).toBeGreaterThanOrEqual(3);
    const all = engine.snapshot();
    // Each of the others has been waiting all the time.
    expect(all.filter(({ port }) => port === silent.port).flatMap(({ exchanges }) => exchanges)).toEqual([]);
    expect(all.every(({ isUp }) => isUp)).toBe(true);
  }
  expect(await opened.left()).toEqual([]);
}, 60_000);

test("checks of every kind that are ended under way leave nothing", async () => {
  const opened = openResources();
  {
    await using silent = await listening(
      createTcp((socket) => answerWith(socket, "")),
      "127.0.0.1",
    );
    await using deaf = await listeningUdp(() => undefined);
    const streams = ["tcp: {}", "tls: {}", "http: {}", "https: {}", "grpc: {}", "grpc: { tls: true }"];
    const others = ["dns: { name: example.org }", "udp: {}", "command: [/bin/sleep, '1000']"];
    for (const waitMs of [0, 20, 60, 120, 250]) {
      using engine = new HealthEngine({ onChange: () => undefined });
      engine.update([
        serviceAt(silent.port, streams, [1]),
        { ...serviceAt(deaf.port, others, [1]), name: "other", match: otherMatch },
      ]);
      expect(engine.snapshot().length).toBe(streams.length + others.length);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
  expect(await opened.left()).toEqual([]);
}, 60_000);

const otherMatch = { kind: "exact", address: "198.51.100.11", port: 80, protocol: "udp" } as const;
