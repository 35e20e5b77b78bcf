// Checks through the data plane, with real sockets: they dial what stands for the server, from the checks' address, and
// speak of the service.
import { createServer } from "node:http";
import { expect, test } from "vitest";
import { CheckBench, servicesOf } from "../../test/health/check-bench.ts";
import { listening } from "../../test/health/servers.ts";
import type { Answer, Begin, Target } from "./exchange.ts";
import { HealthEngine } from "./health-engine.ts";
import { http } from "./http.ts";
import { tcp } from "./tcp.ts";
import { beginThrough, type Dial } from "./through.ts";
import { udp } from "./udp.ts";

const service: Target = { address: "198.51.100.10", port: 80 };
const answerOf = async (begin: Begin, dial: Dial): Promise<Answer> => {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const exchange = beginThrough(begin, () => dial)(service, resolve);
  const answer = await promise;
  exchange.close();
  return answer;
};
const plain = { method: "GET", path: "/", host: undefined, headers: {}, body: undefined } as const;

test("HTTP names the service, and comes from the checks' address", async () => {
  const seen: string[] = [];
  await using server = await listening(
    createServer((request, response) => {
      seen.push(`${request.headers.host ?? ""} ${request.socket.remoteAddress ?? ""}`);
      response.end();
    }),
    "127.0.0.1",
  );
  const dial = { address: "127.0.0.1", port: server.port, localAddress: "127.0.0.9" };
  const probe = { kind: "http", ...plain, status: [{ first: 200, last: 200 }] } as const;
  expect(await answerOf(http(probe), dial)).toEqual({ outcome: "good", reason: "HTTP 200 OK" });
  expect(seen).toEqual(["198.51.100.10:80 127.0.0.9"]);
});

test("errors are told of the service", async () => {
  const dial = { address: "127.0.0.1", port: 1, localAddress: "127.0.0.9" };
  const reason = expect.stringMatching(/^connect ECONNREFUSED 198\.51\.100\.10:80$/) as string;
  expect(await answerOf(tcp, dial)).toEqual({ outcome: "bad", reason });
  const refused = await answerOf(udp({ kind: "udp", send: "00", expect: { contains: "x" } }), dial);
  expect(refused).toMatchObject({ outcome: "bad", reason: expect.stringContaining("ECONNREFUSED") as string });
});

test("a way that is not there says nothing of the server", async () => {
  expect(await answerOf(tcp, { problem: "no rights" })).toEqual({ outcome: "unknown", reason: "no rights" });
});

test("an address of the checks that is gone says nothing of the server either", async () => {
  const dial = { address: "127.0.0.1", port: 1, localAddress: "192.0.2.1" };
  expect(await answerOf(tcp, dial)).toMatchObject({ outcome: "unknown" });
});

test("the engine asks the way for each exchange, and tells servers of one service apart by it", () => {
  const bench = new CheckBench();
  const asked: string[] = [];
  const dialOf = ({ key }: { readonly key: string }): Dial => {
    asked.push(key);
    return { address: "198.18.0.16", port: 80, localAddress: "198.18.0.1" };
  };
  using engine = new HealthEngine({ ...bench, dialOf, onChange: () => undefined });
  const check =
    "check: { tcp: {}, interval: 1s, jitter: 0s }, servers: [{ address: 10.0.0.11 }, { address: 10.0.0.12 }]";
  const services = ["198.51.100.10", "198.51.100.11"].map(
    (address, at) => `  s${at}: { address: ${address}, port: 80, forwarding: nat, ${check} }\n`,
  );
  engine.update(servicesOf(`services:\n${services.join("")}`));
  bench.clock.advance(2500);
  // By the address that clients write to: no two services share a check.
  expect(engine.snapshot().map(({ via, servers }) => [via, servers.length])).toEqual([
    ["vip", 1],
    ["vip", 1],
    ["vip", 1],
    ["vip", 1],
  ]);
  expect(new Set(bench.asked)).toEqual(new Set(["198.51.100.10:80", "198.51.100.11:80"]));
  expect(asked.length).toBe(bench.asked.length);
});
