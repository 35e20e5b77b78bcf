// The command as a whole, on the fake balancer: what it prints and what its exit status is.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { FakeSubject, type Faults } from "./fake-subject.ts";
import { oracle, USAGE } from "./oracle.ts";
import { connectResult, connectStep, noNetwork, scenarioJson, vectorJson } from "./samples.ts";

const folder = mkdtempSync(join(tmpdir(), "oracle-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const scenario = (changes: object = {}) =>
  scenarioJson({ steps: [connectStep], results: [{ ...connectResult, ...changes }] });
const right = file("right.json", scenario());
const wrong = file("wrong.json", scenario({ server: "10.2.0.11:80", order: [] }));
const vector = file("vector.json", vectorJson());
const tunnel = file("tunnel.json", vectorJson({ ipvsadm: ["-A -u 10.3.0.1:53", "-a -u 10.3.0.1:53 -r 10.2.0.11 -i"] }));
const strange = file("strange.json", { ...scenario(), colour: "red" });
const broken = file("broken.json", "{");
const index = file("index.json", [{ file: "right.json" }]);

async function run(args: readonly string[], { faults, signal }: { faults?: Faults; signal?: AbortSignal } = {}) {
  const networks: ReturnType<typeof noNetwork>[] = [];
  const commandsOf: (readonly string[])[] = [];
  let [printed, complained] = ["", ""];
  const status = await oracle(args, {
    create: () => new FakeSubject(faults),
    abilities: new Set(["forwarding by nat", "forwarding by dr"]),
    createNetwork: (commands) => {
      commandsOf.push(commands);
      return networks[networks.push(noNetwork()) - 1] as ReturnType<typeof noNetwork>;
    },
    ...(signal && { signal }),
    write: (text) => void (printed += text),
    writeError: (text) => void (complained += text),
  });
  expect(networks.filter(({ isDisposed }) => !isDisposed)).toEqual([]);
  return { status, printed, complained, commandsOf };
}

const lastLine = (text: string) => text.trimEnd().split("\n").at(-1);

describe("exit status", () => {
  test("0 when all agree", async () => {
    const { status, printed } = await run([right, vector]);
    expect(status).toBe(0);
    expect(printed).toBe(` ✓ ${right}: 1 steps, all agree\n ✓ ${vector}: 2 steps, all agree\n2 passed, 0 failed\n`);
  });

  test("0 when the rest is not yet supported, which counts apart", async () => {
    const { status, printed } = await run([right, tunnel]);
    expect(status).toBe(0);
    expect(printed).toContain(` – ${tunnel}: not yet supported: forwarding by tun\n`);
    expect(lastLine(printed)).toBe("1 passed, 0 failed, 1 not yet supported");
  });

  test("0 when one differs where that is listed, which counts apart; 1 when it differs elsewhere", async () => {
    const exchanges = vectorJson()["exchanges"] as readonly object[];
    const differing = (name: string, which: number) => {
      const changed = exchanges.map((exchange, at) => (at === which ? { ...exchange, out: [] } : exchange));
      return file(`${name}${which}.json`, vectorJson({ name, exchanges: changed }));
    };
    const listed = await run([right, differing("nat-local", 0)]);
    expect([listed.status, lastLine(listed.printed)]).toEqual([0, "1 passed, 0 failed, 1 different as listed"]);
    for (const other of [differing("nat-local", 1), differing("another", 0)]) {
      const { status, printed } = await run([other]);
      expect([status, lastLine(printed)]).toEqual([1, "0 passed, 1 failed"]);
    }
  });

  test("1 when one disagrees", async () => {
    const { status, printed } = await run([wrong, right]);
    expect(status).toBe(1);
    expect(lastLine(printed)).toBe("1 passed, 1 failed");
  });

  test("1 when one is of no known format, or cannot be replayed", async () => {
    const { status, printed } = await run([strange, right]);
    expect(status).toBe(1);
    expect(printed).toContain(` × ${strange}: reading a scenario: Unrecognized key: "colour"\n`);
    const withSetting = file("setting.json", { ...scenario(), sysctl: { mystery: 1 } });
    const other = await run([withSetting], { faults: { diesOn: "mystery" } });
    expect([other.status, lastLine(other.printed)]).toEqual([1, "0 passed, 1 failed"]);
  });

  test("2 when one cannot be read, after the others", async () => {
    const { status, printed } = await run([broken, right]);
    expect([status, lastLine(printed)]).toEqual([2, "1 passed, 1 failed"]);
  });

  test.each([[[]], [["--unheard-of"]], [[right, join(folder, "absent.json")]]])(
    "2 for wrong usage: %j",
    async (args) => {
      const { status, printed, complained } = await run(args);
      expect([status, printed]).toEqual([2, ""]);
      expect(complained).toContain(args.length === 2 ? "absent.json" : USAGE);
    },
  );

  test("130 when a signal stops it, with the networks taken down", async () => {
    const { status, printed, complained } = await run([right, vector], { signal: AbortSignal.abort() });
    expect([status, lastLine(printed), complained]).toEqual([
      130,
      "1 passed, 0 failed",
      "stopped after 1 of 2 files\n",
    ]);
  });
});

test("a folder is all that is in it; an index is named and not replayed", async () => {
  const { printed } = await run([folder]);
  expect(printed).toContain(` – ${index}: an index of 1 files, nothing to replay\n`);
  expect(printed).toContain(`✓ ${right}`);
});

test("a disagreement is told with both answers and the state", async () => {
  const { printed } = await run([wrong]);
  expect(printed.split("\n").slice(0, -2)).toEqual([
    ` × ${wrong}: 1 steps, 0 agree`,
    '   first disagreement step 0: {"op":"connect","c":1,"src":"10.1.1.1","sport":1025}',
    "     server",
    "       kernel:     10.2.0.11:80",
    "       yardmaster: 10.2.0.12:80",
    "     order",
    "       kernel:     no servers",
    "       yardmaster: 10.2.0.12:80 10.2.0.11:80",
    "     state:",
    "       TCP 10.3.0.1:80: 10.2.0.12:80 1/0, 10.2.0.11:80 0/0",
    "       TCP 10.1.1.1:1025 10.3.0.1:80 -> 10.2.0.12:80 ESTABLISHED 900",
  ]);
});

test("commands of a packet vector change a network of its own", async () => {
  const commands = ["ip link set s1 mtu 1400"];
  const { commandsOf } = await run([file("narrow.json", vectorJson({ commands })), right]);
  expect(commandsOf).toEqual([[], commands]);
});
