// Server-sent events: what is sent to whom, and who is let go.
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Facts } from "../log/report.ts";
import { Events, type Traffic } from "./events.ts";

const traffic: Traffic = { services: [], verdicts: [], connectionTable: { entries: 3, maximum: 10 } };
const down: Facts = { event: "serverDown", level: "warning", cause: "check", service: "web", reason: "ECONNREFUSED" };

interface Received {
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The events among what has been sent so far. */
async function received(stream: ReadableStream<Uint8Array>, count: number): Promise<readonly Received[]> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const blocks = () => text.split("\n\n").filter((block) => block.includes("data: "));
  while (blocks().length < count) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  return blocks().map((block) => {
    const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
    return { event: fields["event"], id: fields["id"], data: JSON.parse(fields["data"] ?? "null") };
  });
}

afterEach(() => vi.useRealTimers());

describe("events", () => {
  it("are what changed, with its facts; remarks are none", async () => {
    const events = new Events(() => traffic);
    const stream = events.listen({});
    events.publish("something else");
    events.publish("web: server down", down);
    expect(await received(stream, 1)).toMatchObject([
      { event: "state", data: { event: "serverDown", message: "web: server down", cause: "check", service: "web" } },
    ]);
  });

  it("are sent again to who was away, and only what they missed", async () => {
    const events = new Events(() => traffic);
    const first = events.listen({});
    for (const line of ["one", "two", "three"]) events.publish(line, down);
    const [one] = await received(first, 3);
    const again = await received(events.listen({ after: one?.id }), 2);
    expect(again.map(({ data }) => data["message"])).toEqual(["two", "three"]);
  });

  it("that are not kept any more, or of another process, are said to be missing", async () => {
    const events = new Events(() => traffic);
    const first = events.listen({});
    events.publish("first", down);
    const [one] = await received(first, 1);
    for (let at = 0; at < 300; at++) events.publish("more", down);
    for (const after of [one?.id, "deadbeef-1", "nonsense", "", `${one?.id}9999999`]) {
      expect(await received(events.listen({ after }), 1)).toMatchObject([{ event: "gap", data: {} }]);
    }
  });

  it("leave a large difference out", async () => {
    const events = new Events(() => traffic);
    const stream = events.listen({});
    const service = { change: "added", name: "web", match: "", fields: [], servers: [], isReordered: false } as const;
    const diff = (count: number) => ({ director: [], services: new Array(count).fill(service) });
    events.publish("small", { event: "configurationChanged", diff: diff(3) });
    events.publish("large", { event: "configurationChanged", diff: diff(300) });
    const [small, large] = await received(stream, 2);
    expect([small?.data["diff"] !== undefined, large?.data["diff"] !== undefined]).toEqual([true, false]);
  });
});

describe("counters", () => {
  it("come at once and then as often as was asked", async () => {
    vi.useFakeTimers();
    const events = new Events(() => traffic);
    const stream = events.listen({ countersMs: 2_000 });
    await vi.advanceTimersByTimeAsync(4_100);
    const sent = await received(stream, 3);
    expect(sent.map(({ event }) => event)).toEqual(["counters", "counters", "counters"]);
    expect(sent[0]?.data).toMatchObject({ connectionTable: { entries: 3 }, services: [] });
  });

  it("of very many servers come by service, and one that cannot be read ends the stream", async () => {
    const counted = { ...{ activeConnections: 1, inactiveConnections: 0, persistentClients: 0, connections: 1 } };
    const numbers = { ...counted, packetsIn: 1, bytesIn: 1 };
    const server = { ...numbers, address: "10.0.0.1", port: 80, weight: 1 };
    const many = (servers: number) =>
      ({
        ...traffic,
        services: [{ ...numbers, name: "web", servers: new Array(servers).fill(server) }],
      }) as unknown as Traffic;
    const of = async (servers: number) => {
      const [sent] = await received(new Events(async () => many(servers)).listen({ countersMs: 60_000 }), 1);
      const services = sent?.data["services"] as readonly { readonly servers: readonly unknown[] }[] | undefined;
      return services?.[0]?.servers.length;
    };
    expect([await of(1000), await of(1001)]).toEqual([1000, 0]);
    const failing = new Events(() => Promise.reject(new Error("no map")));
    expect(await received(failing.listen({ countersMs: 60_000 }), 1)).toEqual([]);
  });
});

describe("a listener", () => {
  it("that does not read is let go, and costs nothing more", async () => {
    const events = new Events(() => traffic);
    const stream = events.listen({});
    const long = "x".repeat(100_000);
    for (let at = 0; at < 30; at++) events.publish(long, down);
    const got = await received(stream, 100);
    expect(got.length).toBeLessThan(15);
  });

  it("is one too many at some point, and its place is free when it goes", async () => {
    const events = new Events(() => traffic);
    const streams = Array.from({ length: 32 }, () => events.listen({}));
    expect(() => events.listen({})).toThrow(expect.objectContaining({ code: "YM_API_BUSY" }));
    await streams[0]?.cancel();
    expect(() => events.listen({})).not.toThrow();
  });

  it("hears the end", async () => {
    const events = new Events(() => traffic);
    const stream = events.listen({});
    events.close();
    expect(await received(stream, 1)).toEqual([]);
  });
});
