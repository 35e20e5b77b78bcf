// Checks of whole configurations: who is told what, what is shared, what becomes of servers.
import { beforeEach, describe, expect, test } from "vitest";
import { CheckBench, servicesOf } from "../../test/health/check-bench.ts";
import { HealthEngine } from "./health-engine.ts";
import { HealthKeeper } from "./health-keeper.ts";
import type { HealthOverride } from "./verdicts.ts";

const web = (entries: string, servers = "[{ address: 10.0.0.11 }, { address: 10.0.0.12 }]") =>
  `  web: { address: 198.51.100.10, port: 80, forwarding: nat, ${entries}, servers: ${servers} }\n`;
const alt = (entries: string, servers = "[{ address: 10.0.0.11 }, { address: 10.0.0.13 }]") =>
  `  alt: { address: 198.51.100.11, port: 80, forwarding: nat, ${entries}, servers: ${servers} }\n`;
const check = "check: { tcp: {}, via: direct, interval: 1s, timeout: 500ms, jitter: 0s, rise: 2, fall: 3 }";
const WEB = "tcp 198.51.100.10:80";
const ALT = "tcp 198.51.100.11:80";

let bench: CheckBench;
let lines: string[];
let said: Map<string, HealthOverride>;
const overlay = {
  set: (_source: "health", service: string, endpoint: string, override: HealthOverride) => {
    if (override === undefined) said.delete(`${service} ${endpoint}`);
    else said.set(`${service} ${endpoint}`, override);
  },
};
const keeperOf = (text: string) => {
  const keeper = new HealthKeeper({ ...bench, overlay, report: (line) => lines.push(line) });
  keeper.update(servicesOf(`services:\n${text}`));
  return keeper;
};
beforeEach(() => {
  bench = new CheckBench();
  lines = [];
  said = new Map();
});

describe("a keeper", () => {
  test("takes a server down after fall × interval and brings it back after rise", () => {
    using _keeper = keeperOf(web(check));
    bench.clock.advance(500);
    bench.sick.add("10.0.0.11:80");
    bench.clock.advance(2400);
    expect(said.size).toBe(0);
    bench.clock.advance(200);
    expect([...said]).toEqual([[`${WEB} 10.0.0.11:80`, { weight: 0, isDown: true }]]);
    bench.sick.clear();
    bench.clock.advance(1000);
    expect(said.size).toBe(1);
    bench.clock.advance(1000);
    expect(said.size).toBe(0);
    expect(lines).toEqual([
      "web: server 10.0.0.11:80 is down: tcp: sick",
      "web: server 10.0.0.11:80 is up again: tcp: well",
    ]);
  });

  test("has a sorry server answer where too few are up, and says so", () => {
    using _keeper = keeperOf(web(`${check}, quorum: 2, onDown: cut, sorryServer: { address: 10.0.0.99 }`));
    bench.sick.add("10.0.0.11:80");
    bench.clock.advance(3000);
    expect([...said]).toEqual([
      [`${WEB} 10.0.0.11:80`, { isOut: true }],
      [`${WEB} 10.0.0.12:80`, { weight: 0 }],
      [`${WEB} 10.0.0.99:80`, { weight: 1 }],
    ]);
    expect(lines.at(-1)).toBe("web: too few servers are up (quorum 2), the sorry server answers");
    bench.sick.clear();
    bench.clock.advance(3000);
    expect(said.size).toBe(0);
    expect(lines.at(-1)).toBe("web: enough servers are up (quorum 2), the sorry server rests");
  });

  test("takes back what it said of what is no more", () => {
    using keeper = keeperOf(web(check) + alt(check));
    bench.sick.add("10.0.0.11:80").add("10.0.0.13:80");
    bench.clock.advance(3000);
    expect(said.size).toBe(3);
    keeper.update(servicesOf(`services:\n${web(check, "[{ address: 10.0.0.12 }]")}`));
    expect(said.size).toBe(0);
  });

  test("goes on with what it knows where the configuration changes elsewhere", () => {
    using keeper = keeperOf(web(check));
    bench.sick.add("10.0.0.11:80");
    bench.clock.advance(3000);
    keeper.update(servicesOf(`services:\n${web(`scheduler: rr, ${check}`)}${alt(check)}`));
    expect([...said.keys()]).toEqual([`${WEB} 10.0.0.11:80`, `${ALT} 10.0.0.11:80`]);
  });

  test("forgets where the check is another", () => {
    using keeper = keeperOf(web(check));
    bench.sick.add("10.0.0.11:80");
    bench.clock.advance(3000);
    keeper.update(servicesOf(`services:\n${web("check: { http: {}, via: direct, interval: 1s, jitter: 0s }")}`));
    expect(said.size).toBe(0);
    bench.clock.advance(3000);
    expect(said.size).toBe(1);
  });
});

describe("a keeper that follows another", () => {
  const down = () => {
    using keeper = keeperOf(web(check));
    bench.sick.add("10.0.0.11:80");
    bench.clock.advance(3000);
    return new Set(keeper.down());
  };
  const follow = (text: string, wereDown: ReadonlySet<string>) => {
    lines = [];
    said = new Map();
    const keeper = new HealthKeeper({ ...bench, overlay, report: (line) => lines.push(line), wereDown });
    keeper.update(servicesOf(`services:\n${text}`));
    return keeper;
  };

  test("begins with what that one knew, in all services that share the check, before anything is asked", () => {
    const wereDown = down();
    using keeper = follow(web(check) + alt(check), wereDown);
    expect([...said.keys()]).toEqual([`${WEB} 10.0.0.11:80`, `${ALT} 10.0.0.11:80`]);
    expect(keeper.down()).toEqual([...wereDown]);
    expect(lines).toEqual([
      "web: server 10.0.0.11:80 is down: as before the restart",
      "alt: server 10.0.0.11:80 is down: as before the restart",
    ]);
    bench.sick.clear();
    bench.clock.advance(1001);
    expect(said.size).toBe(0);
  });

  test("begins anew where the check or the server is another, also when it becomes the old one again", () => {
    const wereDown = down();
    using keeper = follow(web(check.replace("fall: 3", "fall: 4")), wereDown);
    keeper.update(servicesOf(`services:\n${web(check)}`));
    expect([...said]).toEqual([]);
    using _other = follow(web(check, "[{ address: 10.0.0.12 }]"), wereDown);
    expect([...said]).toEqual([]);
  });
});

describe("an engine", () => {
  test("runs once what several services ask for, and tells each", () => {
    const changes: string[] = [];
    const onChange = ({ service, endpoint, isUp }: { service: string; endpoint: string; isUp: boolean }) =>
      changes.push(`${service} ${endpoint} ${isUp}`);
    using engine = new HealthEngine({ ...bench, onChange });
    engine.update(servicesOf(`services:\n${web(check)}${alt(check)}`));
    bench.clock.advance(500);
    expect(bench.asked.toSorted()).toEqual(["10.0.0.11:80", "10.0.0.12:80", "10.0.0.13:80"]);
    bench.sick.add("10.0.0.11:80");
    bench.clock.advance(3000);
    expect(changes).toEqual([`${WEB} 10.0.0.11:80 false`, `${ALT} 10.0.0.11:80 false`]);
    const [shared] = engine.snapshot().filter(({ servers }) => servers.length === 2);
    expect(shared).toMatchObject({
      ...{ check: "tcp", address: "10.0.0.11", port: 80, isUp: false, rise: 2, fall: 3 },
      servers: [
        { service: "web", server: "10.0.0.11:80" },
        { service: "alt", server: "10.0.0.11:80" },
      ],
    });
    expect(shared?.exchanges.at(-1)).toMatchObject({ outcome: "bad", reason: "sick", durationMs: 1 });
  });

  test("brings the checks of a server forward where clients' packets speak against it, and they go by that", () => {
    const checks = ["{ tcp: {}, via: direct, interval: 1m }", "{ http: {}, port: 8080, interval: 1m, hints: false }"];
    using engine = new HealthEngine({ ...bench, onChange: () => undefined });
    engine.update(
      servicesOf(
        `services:\n${web(`checks: [${checks.join(", ")}]`)}${alt("check: { tcp: {}, via: direct, interval: 1m }")}`,
      ),
    );
    bench.clock.advance(2000);
    bench.asked.length = 0;
    engine.hint(WEB, "10.0.0.11:80", "it refused 1 connection");
    engine.hint(ALT, "10.0.0.11:80", "it refused 1 connection");
    engine.hint(ALT, "10.0.0.99:80", "it refused 1 connection");
    bench.clock.advance(2000);
    // Shared by both services: once.
    expect(bench.asked).toEqual(["10.0.0.11:80"]);
  });

  test("holds a server with several checks for up when all are good", () => {
    using engine = new HealthEngine({ ...bench, onChange: () => undefined });
    const pace = "via: direct, interval: 1s, jitter: 0s";
    const checks = `{ tcp: {}, ${pace} }, { http: {}, port: 8080, ${pace} }`;
    engine.update(servicesOf(`services:\n${web(`checks: [${checks}]`)}`));
    bench.sick.add("10.0.0.11:8080");
    bench.clock.advance(3000);
    expect([engine.isUp(WEB, "10.0.0.11:80"), engine.isUp(WEB, "10.0.0.12:80")]).toEqual([false, true]);
  });

  test("has a server's own checks in the place of its service's", () => {
    using engine = new HealthEngine({ ...bench, onChange: () => undefined });
    const own = "{ http: {}, via: direct, port: 8080, interval: 1s, jitter: 0s }";
    const servers = `{ address: 10.0.0.11, check: ${own} }, { address: 10.0.0.12, checks: [] }, { address: 10.0.0.13 }`;
    engine.update(servicesOf(`services:\n${web(check, `[${servers}]`)}`));
    for (const server of ["10.0.0.11:80", "10.0.0.11:8080", "10.0.0.12:80", "10.0.0.13:80"]) bench.sick.add(server);
    bench.clock.advance(3000);
    expect([...new Set(bench.asked)].toSorted()).toEqual(["10.0.0.11:8080", "10.0.0.13:80"]);
    expect(["11", "12", "13"].map((last) => engine.isUp(WEB, `10.0.0.${last}:80`))).toEqual([false, true, false]);
  });

  test("leaves nothing when it is disposed", () => {
    const engine = new HealthEngine({ ...bench, onChange: () => undefined });
    engine.update(servicesOf(`services:\n${web(check)}`));
    bench.clock.advance(1000);
    engine[Symbol.dispose]();
    expect([bench.open, bench.clock.waiting]).toEqual([0, 0]);
  });
});
