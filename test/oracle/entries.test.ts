// Lines of the connection table, in both notations, and when two of them are the same.
import { describe, expect, test } from "vitest";
import { differingEntries, entryText, parseEntryText, parseProcEntry, timersAgree } from "./entries.ts";

test("the scenarios' notation, both ways", () => {
  const text = "UDP 10.1.1.1:0 10.3.0.1:80 -> 10.2.0.12:80 NONE 59";
  const entry = {
    protocol: "UDP",
    client: "10.1.1.1:0",
    virtual: "10.3.0.1:80",
    server: "10.2.0.12:80",
    state: "NONE",
  };
  expect(parseEntryText(text)).toEqual({ ...entry, expiresS: 59 });
  expect(entryText(parseEntryText(text))).toBe(text);
  expect(() => parseEntryText("UDP 10.1.1.1:0 10.3.0.1:80")).toThrow("reading a connection");
});

test("the proc file's notation", () => {
  expect(entryText(parseProcEntry("TCP 0A010107 9C41 0A030001 0050 0A02000B 1F90 CLOSE_WAIT       59"))).toBe(
    "TCP 10.1.1.7:40001 10.3.0.1:80 -> 10.2.0.11:8080 CLOSE_WAIT 59",
  );
  const groups = ["fd00:0009:0000:0000:0000:0000:0000:0007", "fd00:0003:0000:0000:0000:0000:0000:0001"];
  const server = "fd00:0002:0000:0000:0000:0000:0000:000b";
  expect(entryText(parseProcEntry(`UDP ${groups[0]} A028 ${groups[1]} 0035 ${server} 14E9 UDP    299`))).toBe(
    "UDP [fd00:9::7]:41000 [fd00:3::1]:53 -> [fd00:2::b]:5353 UDP 299",
  );
  expect(() => parseProcEntry("TCP 0A010107 9C41 0A030001 0050")).toThrow("no line of /proc/net/ip_vs_conn");
  expect(() => parseProcEntry("TCP 0A010107 9C41 0A030001 0050 0A02000B 1F90 NONE 59 sip abc")).toThrow("no line");
});

test("a recorded timer may show up to two seconds less", () => {
  expect([901, 900, 899, 898, 897].map((recorded) => timersAgree(recorded, 900))).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
});

describe("tables", () => {
  const line = (client: string, expires: number) =>
    parseEntryText(`UDP ${client} 10.3.0.1:80 -> 10.2.0.12:80 UDP ${expires}`);
  const texts = (recorded: readonly ReturnType<typeof line>[], replayed: readonly ReturnType<typeof line>[]) => {
    const { missing, surplus } = differingEntries(recorded, replayed);
    return [missing.map(entryText), surplus.map(entryText)];
  };

  test("agree in any order", () => {
    const [a, b] = [line("10.1.1.1:1", 10), line("10.1.1.1:2", 20)];
    expect(texts([a, b], [b, a])).toEqual([[], []]);
  });

  test("that hold the same line twice agree when each finds its own", () => {
    expect(
      texts([line("10.1.1.1:0", 58), line("10.1.1.1:0", 60)], [line("10.1.1.1:0", 60), line("10.1.1.1:0", 58)]),
    ).toEqual([[], []]);
    expect(texts([line("10.1.1.1:0", 58)], [line("10.1.1.1:0", 58), line("10.1.1.1:0", 58)])[1]).toHaveLength(1);
  });

  test("show what only one of them has", () => {
    const [a, b] = [line("10.1.1.1:1", 10), line("10.1.1.1:2", 20)];
    expect(texts([a], [b])).toEqual([[entryText(a)], [entryText(b)]]);
    expect(texts([a], [line("10.1.1.1:1", 9)])).toEqual([[entryText(a)], [entryText(line("10.1.1.1:1", 9))]]);
  });
});
