// Listings are to the letter what ipvsadm 1.31 printed on Linux 6.1 (recorded/listings.json) for the same rules and the
// same traffic: the rules that it saved are restored, and what it counted is counted.
import { readFileSync } from "node:fs";
import type { ConnectionRow } from "@yardmaster/director";
import { beforeAll, expect, test } from "vitest";
import { type Counted, MemoryDirector } from "./memory-director.ts";

const recorded = new Map(
  recordedText()
    .split(/^\$ ipvsadm /m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n") + 1)]),
);

/** The lines are kept as texts of a list: many end with a space. */
function recordedText(): string {
  const lines = JSON.parse(readFileSync(new URL("recorded/listings.json", import.meta.url), "utf8")) as string[];
  return lines.join("\n");
}

/** What `-S` does not say. */
const thresholds: Readonly<Record<string, string>> = {
  "10.2.0.12:8080": " -x 50 -y 40",
  "10.2.0.15:53": " -x 4",
};

/** Columns of a listing with one kind of numbers, by service and server. */
function numbersOf(command: string, toCounted: (columns: readonly number[]) => Counted): Record<string, Counted> {
  const counted: Record<string, Counted> = {};
  let service = "";
  for (const line of (recorded.get(command) ?? "").split("\n").slice(3)) {
    const [first = "", name = "", ...columns] = line.trim().split(/\s+/);
    const isServer = first === "->";
    const address = name.replace(/:[^:]*$/, "").replaceAll(/[[\]]/g, "");
    if (!isServer) service = first === "FWM" ? `mark-${name}` : nameOf(first, address, name.split(":").at(-1) ?? "");
    counted[isServer ? `${service} ${address}` : service] = toCounted(columns.map(Number));
  }
  return counted;
}

function nameOf(protocol: string, address: string, port: string): string {
  return `${protocol.toLowerCase()}-${address.replaceAll(/:+/g, "-")}-${port === "0" ? "any" : port}`;
}

const director = new MemoryDirector("director: { marks: [{ mark: 7, address: 10.9.0.0/16 }] }\nservices: {}\n");

beforeAll(async () => {
  const rules = (recorded.get("-S -n") ?? "").trimEnd().split("\n");
  director.input = rules
    .map((line) => line + (thresholds[/-r (\S+)/.exec(line)?.[1] ?? ""] ?? ""))
    // Of one server in two services only one has thresholds.
    .map((line) => (line.includes("10.3.0.2:") ? line.replace(/ -x .*/, "") : line))
    .join("\n");
  expect(await director.run("-R")).toEqual({ output: "", errors: "", status: 0 });
  const usual = numbersOf("-Ln --persistent-conn", ([, persistentClients = 0, active = 0, inactive = 0]) => ({
    persistentClients,
    activeConnections: active,
    inactiveConnections: inactive,
  }));
  const stats = numbersOf(
    "-Ln --stats",
    ([connections = 0, packetsIn = 0, packetsOut = 0, bytesIn = 0, bytesOut = 0]) => ({
      ...{ connections, packetsIn, packetsOut, bytesIn, bytesOut },
    }),
  );
  const rates = numbersOf(
    "-Ln --rate",
    ([connections = 0, packetsIn = 0, packetsOut = 0, bytesIn = 0, bytesOut = 0]) => ({
      perSecond: { connections, packetsIn, packetsOut, bytesIn, bytesOut },
    }),
  );
  const names = new Set([...Object.keys(usual), ...Object.keys(stats)]);
  director.counted = Object.fromEntries(
    [...names].map((name) => {
      const { activeConnections = 0, inactiveConnections = 0, persistentClients = 0 } = usual[name] ?? {};
      return [name, { activeConnections, inactiveConnections, persistentClients, ...stats[name], ...rates[name] }];
    }),
  );
  director.rows = (recorded.get("-Lnc") ?? "").trimEnd().split("\n").slice(2).map(rowOf);
});

function rowOf(line: string): ConnectionRow {
  const [protocol = "", expire = "", state = "", client = "", virtual = "", destination = ""] = line.split(/\s+/);
  const [minutes = 0, seconds = 0] = expire.split(":").map(Number);
  return {
    ...{ kind: "connection", state, client, virtual, destination, service: "" },
    protocol: protocol === "TCP" ? "tcp" : "udp",
    expiresInMs: (minutes * 60 + seconds) * 1000 + 400,
  };
}

test.each([...recorded.keys()])("ipvsadm %s", async (command) => {
  const { output, errors, status } = await director.run(command);
  expect({ errors, status }).toEqual({ errors: "", status: 0 });
  expect(output).toBe(recorded.get(command));
});

test("ports have names, unless --numeric; exact numbers are long", async () => {
  const small = new MemoryDirector();
  await small.run("-A -t 10.3.0.1:80 -s wlc");
  await small.run("-a -t 10.3.0.1:80 -r 10.2.0.3:8080 -m -w 7");
  expect((await small.run("-L -t 10.3.0.1:80")).output.split("\n").slice(2)).toEqual([
    "TCP  10.3.0.1:http wlc",
    "  -> 10.2.0.3:http-alt            Masq    7      0          0         ",
    "",
  ]);
  expect((await small.run("-S")).output).toContain("-a -t 10.3.0.1:http -r 10.2.0.3:http-alt -m -w 7\n");
  const large = { connections: 99_999_999, packetsIn: 123_456_789, packetsOut: 0, bytesIn: 5e10, bytesOut: 4e15 };
  small.counted = { "tcp-10.3.0.1-80": large };
  const row = async (options: string) => (await small.run(`-Ln --stats ${options}`)).output.split("\n")[3];
  expect(await row("")).toBe("TCP  10.3.0.1:80                  99999999  123456K        0   50000M    4000T");
  expect(await row("--exact")).toBe(
    "TCP  10.3.0.1:80                  99999999 123456789        0 50000000000 4000000000000000",
  );
});
