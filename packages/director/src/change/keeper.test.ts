// The configuration of a director changed over its API: whole, and one by one.
import fc from "fast-check";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { anyBody, keep, webFile } from "../../test/change/kept.ts";

const json = (value: unknown) => JSON.stringify(value);
const heavier = webFile.replace("weight: 2", "weight: 5");

describe("the whole configuration", () => {
  test("is read as it was written, or as data, with its revision", async () => {
    const { ask, keeper } = keep();
    expect(await ask("GET", "/v1/configuration")).toEqual({ status: 200, etag: `"${keeper.revision}"`, text: webFile });
    const { text } = await ask("GET", "/v1/configuration", undefined, { accept: "application/json" });
    expect(JSON.parse(text)).toMatchObject({ services: { web: { port: 80, servers: [{ weight: 2 }, {}] } } });
  });

  test("is replaced, as YAML or JSON, and the log says by what and how", async () => {
    const { ask, director, said } = keep();
    const answer = await ask("PUT", "/v1/configuration", heavier);
    expect(JSON.parse(answer.text)).toMatchObject({
      program: { program: "kept" },
      diff: { services: [{ name: "web" }] },
    });
    expect(director.weights()).toEqual({ "10.0.0.11": 5, "10.0.0.12": 1 });
    expect(said[0]).toMatch(
      /^configuration: PUT .*: 1 service changed \(web: server .* weight 2 → 5\); program kept, \d+ ms$/,
    );
    const asData = json({ services: { web: { address: "198.51.100.10", port: 80, forwarding: "dr", servers: [] } } });
    expect((await ask("PUT", "/v1/configuration", asData)).status).toBe(200);
    expect(director.weights()).toEqual({});
  });

  test("is replaced only where it is still what the asker has read", async () => {
    const { ask, keeper, director } = keep();
    const { etag } = await ask("GET", "/v1/configuration");
    await ask("PATCH", "/v1/services/web/servers/10.0.0.12", json({ weight: 9 }));
    const answer = await ask("PUT", "/v1/configuration", heavier, { "if-match": etag });
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([412, "YM_CHANGE_REVISION"]);
    expect(director.weights()["10.0.0.11"]).toBe(2);
    expect((await ask("PUT", "/v1/configuration", heavier, { "if-match": `"${keeper.revision}"` })).status).toBe(200);
  });

  test("is refused with everything that is wrong, and where", async () => {
    const { ask, director } = keep();
    const before = director.configuration;
    const answer = await ask("PUT", "/v1/configuration", webFile.replace("port: 80", "port: x").replace("2 }", "x }"));
    expect(answer.status).toBe(422);
    expect(JSON.parse(answer.text)).toMatchObject({ code: "YM_CONFIG", faults: [{ line: 5 }, { line: 8 }] });
    expect(director.configuration).toBe(before);
  });

  test("may say otherwise who may ask the API: that counts later, and the log says so", async () => {
    const { ask, said } = keep();
    expect((await ask("PUT", "/v1/configuration", `api: { group: ops }\n${webFile}`)).status).toBe(200);
    expect(said).toEqual([
      "configuration: PUT /v1/configuration: api is another one: it counts when the director is started again",
    ]);
  });

  test("is as it was where it cannot be made", async () => {
    const { ask, director, keeper, said } = keep();
    director.failure = new Error("no room");
    expect((await ask("PUT", "/v1/configuration", heavier)).status).toBe(500);
    expect(said).toEqual(["configuration: PUT /v1/configuration: failed, nothing has changed: no room"]);
    expect(keeper.text).toBe(webFile);
  });

  test("is planned without being changed", async () => {
    const { ask, director } = keep();
    const { text } = await ask("POST", "/v1/plan", webFile.replace(/ +- .*old one\n/, ""));
    expect(JSON.parse(text).diff.services[0].servers).toMatchObject([
      { change: "removed", server: "10.0.0.12:80", cost: { connections: 7, fate: "drained" } },
    ]);
    expect(Object.keys(director.weights())).toHaveLength(2);
  });
});

describe("a change that is to be confirmed", () => {
  test("is taken back when its time is up", async () => {
    const { ask, director, said } = keep();
    await ask("PUT", "/v1/configuration?confirm=20ms", heavier);
    expect(director.weights()["10.0.0.11"]).toBe(5);
    for (let poll = 0; poll < 500 && director.weights()["10.0.0.11"] !== 2; poll++) await sleep(10);
    expect(director.weights()["10.0.0.11"]).toBe(2);
    expect(said.at(-1)).toMatch(/not confirmed in time: taken back/);
  });

  test.each([
    ["forward", 86_400_000],
    ["back", -86_400_000],
  ])("is taken back in the same time when the clock jumps a day %s", async (_name, jumpMs) => {
    const { ask, director, keeper } = keep();
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      await ask("PUT", "/v1/configuration?confirm=200ms", heavier);
      const made = performance.now();
      vi.setSystemTime(Date.now() + jumpMs);
      // A director that follows waits no longer than was asked for.
      const { pending } = keeper;
      if (pending === undefined) throw new Error("it waits");
      const { director: following, keeper: next } = keep(heavier);
      next.await(pending);
      for (const one of [director, following]) {
        for (let poll = 0; poll < 500 && one.weights()["10.0.0.11"] !== 2; poll++) await sleep(10);
        expect(one.weights()["10.0.0.11"]).toBe(2);
      }
      expect(performance.now() - made).toBeGreaterThan(190);
    } finally {
      vi.useRealTimers();
    }
  });

  test("stays when it is confirmed; until then no other is made", async () => {
    const { ask, director, keeper } = keep();
    await ask("PUT", "/v1/configuration?confirm=60s", heavier);
    expect((await ask("PATCH", "/v1/services/web/servers/10.0.0.12", json({ weight: 9 }))).status).toBe(409);
    expect((await ask("POST", "/v1/configuration/confirm")).status).toBe(204);
    expect(keeper.pending).toBeUndefined();
    expect(director.weights()["10.0.0.11"]).toBe(5);
    expect((await ask("POST", "/v1/configuration/confirm")).status).toBe(409);
    expect((await ask("PUT", "/v1/configuration?confirm=soon", webFile)).status).toBe(400);
  });
});

describe("a change that is taken back by hand", () => {
  test("is gone at once, is no longer waited for, and the log has it", async () => {
    const { ask, director, keeper, said } = keep();
    expect((await ask("POST", "/v1/configuration/rollback")).status).toBe(409);
    await ask("PUT", "/v1/configuration?confirm=60s", heavier);
    expect(keeper.lastChange).toMatchObject({ cause: "PUT /v1/configuration" });
    const back = await ask("POST", "/v1/configuration/rollback");
    expect([back.status, back.etag]).toEqual([200, `"${keeper.revision}"`]);
    expect(JSON.parse(back.text)).toMatchObject({ diff: { services: [{ servers: [{ server: "10.0.0.11:80" }] }] } });
    expect(director.weights()["10.0.0.11"]).toBe(2);
    expect([keeper.pending, keeper.text]).toEqual([undefined, webFile]);
    expect(said.at(-1)).toMatch(/^configuration: POST \/v1\/configuration\/rollback: .* weight 5 → 2\)/);
    expect((await ask("POST", "/v1/configuration/rollback")).status).toBe(409);
  });

  test("goes on waiting where that fails", async () => {
    const { ask, director, keeper } = keep();
    await ask("PUT", "/v1/configuration?confirm=60s", heavier);
    director.apply = () => {
      throw new Error("no room");
    };
    expect((await ask("POST", "/v1/configuration/rollback")).status).toBe(500);
    expect(keeper.pending).toBeDefined();
    keeper[Symbol.dispose]();
  });
});

test("what fails is in the log once, and whoever asked can see that it is", () => {
  const { director, keeper, said } = keep();
  const failure = new Error("no room");
  director.apply = () => {
    throw failure;
  };
  expect(() => keeper.put(heavier, { cause: "SIGHUP" })).toThrow(failure);
  expect([keeper.hasReported(failure), keeper.hasReported(new Error("another")), said.length]).toEqual([
    true,
    false,
    1,
  ]);
});

test("what is said of another change says how long, and what can be done", async () => {
  const { ask } = keep();
  await ask("PUT", "/v1/configuration?confirm=60s", heavier);
  const refused = JSON.parse((await ask("PUT", "/v1/configuration", webFile)).text);
  expect(refused.detail).toBe("the change before this one waits to be confirmed, 60 s more");
  expect(refused.hint).toMatch(/confirm.*rollback/);
});

describe("one by one", () => {
  test("servers come, change and go; comments stay", async () => {
    const { ask, director, keeper } = keep();
    await ask("POST", "/v1/services/web/servers", json({ address: "10.0.0.13", weight: 3 }));
    await ask("PATCH", "/v1/services/web/servers/10.0.0.11:80", json({ weight: 0 }));
    await ask("PATCH", "/v1/services/web/servers/10.0.0.13", json({ weight: null, upperThreshold: 5 }));
    expect(director.weights()).toEqual({ "10.0.0.11": 0, "10.0.0.12": 1, "10.0.0.13": 1 });
    await ask("DELETE", "/v1/services/web/servers/10.0.0.11");
    expect(keeper.text).toMatchInlineSnapshot(`
      "# The shop
      services:
        web:
          address: 198.51.100.10 # the VIP
          port: 80
          forwarding: nat
          servers:
            - { address: 10.0.0.12 } # the old one
            - address: 10.0.0.13
              upperThreshold: 5
      "
    `);
  });

  test("services too", async () => {
    const { ask, director, keeper } = keep();
    const dns = { name: "dns", address: "198.51.100.10", port: 53, protocol: "udp", forwarding: "dr" };
    expect((await ask("POST", "/v1/services", json(dns))).status).toBe(200);
    expect((await ask("POST", "/v1/services", json(dns))).status).toBe(409);
    await ask("PATCH", "/v1/services/web", json({ scheduler: "rr", persistence: "5m" }));
    expect(director.configuration.services[0]).toMatchObject({ scheduler: "rr", persistence: { timeoutMs: 300_000 } });
    await ask("DELETE", "/v1/services/web");
    expect(director.configuration.services.map(({ name }) => name)).toEqual(["dns"]);
    expect(keeper.text).not.toMatch(/10\.0\.0\.11/);
  });

  test("what is not there, twice there or wrong is refused, and nothing has changed", async () => {
    const { ask, director } = keep();
    const before = director.configuration;
    const answers = await Promise.all([
      ask("PATCH", "/v1/services/nobody/servers/10.0.0.11", json({ weight: 1 })),
      ask("PATCH", "/v1/services/web/servers/10.0.0.99", json({ weight: 1 })),
      ask("PATCH", "/v1/services/web/servers/10.0.0.11", json({ weight: 65_536 })),
      ask("PATCH", "/v1/services/web/servers/10.0.0.11", json({ wait: 1 })),
      ask("PATCH", "/v1/services/web/servers/10.0.0.11", "{"),
      ask("PATCH", "/v1/services/web/servers/10.0.0.11", "[1]"),
      ask("POST", "/v1/services/web/servers", json({ address: "10.0.0.12" })),
      ask("POST", "/v1/services", json({ address: "10.0.0.12" })),
      ask("PUT", "/v1/configuration", "x".repeat(9 * 1024 * 1024)),
      ask("PATCH", "/v1/services/web", `{"caps":${"[".repeat(100)}${"]".repeat(100)}}`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 422, 422, 400, 400, 422, 400, 413, 400]);
    for (const { text } of answers)
      expect(JSON.parse(text)).toMatchObject({ type: expect.stringMatching(/^urn:yardmaster:YM_/) });
    expect(director.configuration).toBe(before);
  });
});

test("whatever comes as a body is taken whole or refused with a reason, and the text is always good", async () => {
  const request = fc.record({
    method: fc.constantFrom("PUT", "POST", "PATCH", "DELETE"),
    path: fc.constantFrom(
      ...["/v1/configuration", "/v1/services", "/v1/services/web", "/v1/services/web/servers", "/v1/plan"],
      ...["/v1/services/web/servers/10.0.0.11", "/v1/services/%00", "/v1/services/web/servers/%2e%2e"],
    ),
    body: anyBody,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 5 }), async (requests) => {
      const { ask, director, keeper } = keep();
      for (const { method, path, body } of requests) {
        const before = director.configuration;
        const { status, text } = await ask(method, path, method === "DELETE" ? undefined : body);
        expect([200, 400, 404, 405, 409, 412, 413, 422]).toContain(status);
        if (status !== 200) {
          expect(director.configuration).toBe(before);
          expect(JSON.parse(text).code).toMatch(/^YM_/);
        }
      }
      expect(() => keeper.plan(keeper.text)).not.toThrow();
    }),
    { numRuns: 60 },
  );
});
