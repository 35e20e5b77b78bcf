// Packet vectors against the fake balancer.
import { fragmentFrame, fromHex, icmp4, ipv4, toHex, udp } from "@yardmaster/packet";
import { describe, expect, test } from "vitest";
import { FakeSubject } from "./fake-subject.ts";
import { playVector } from "./play-vector.ts";
import { datagram, noNetwork, vectorJson } from "./samples.ts";
import { parseVector } from "./vector-file.ts";

function play(changes: Readonly<Record<string, unknown>> = {}, subject = new FakeSubject()) {
  const replay = playVector(parseVector(vectorJson(changes)), () => subject, noNetwork());
  return { ...replay, subject, places: replay.disagreements.map(({ place }) => place) };
}

test("frames and the connection table agree", () => {
  const { steps, agreed, places, subject } = play({ sysctl: { sync_threshold: "1 2" } });
  expect({ steps, agreed, places }).toEqual({ steps: 2, agreed: 2, places: [] });
  expect([...subject.sysctls]).toEqual([["sync_threshold", "1 2"]]);
  expect(subject.isDisposed).toBe(true);
});

describe("a disagreement", () => {
  test("in a frame is found in its exchange", () => {
    const { places, disagreements } = play({}, new FakeSubject({ dropsServerPackets: true }));
    expect(places).toEqual(["exchange 1"]);
    expect(disagreements[0]?.text).toMatch(/^answer: s 0200/);
  });

  test("in the connection table is found at the end", () => {
    const { places, agreed } = play({ conns: [] });
    expect({ places, agreed }).toEqual({ places: ["at the end"], agreed: 2 });
  });
});

test("what the balancer leaves alone the host's stack answers", () => {
  const ends = { source: "10.1.1.7", destination: "10.3.0.2" };
  const ports = { sourcePort: 40000, destinationPort: 53 };
  const refused = datagram(
    "c",
    "out",
    ipv4({ source: ends.destination, destination: ends.source, typeOfService: 0xc0 }),
    icmp4({ type: 3, code: 3 }),
    ipv4(ends),
    udp(ports),
  );
  const exchanges = [{ in: datagram("c", "in", ipv4(ends), udp(ports)), out: [refused] }];
  expect(play({ exchanges, conns: [] }).places).toEqual([]);
});

test("the commands are carried out", () => {
  const key = "-u 10.3.0.1:53";
  const ipvsadm = [
    `-A ${key} -s rr`,
    `-a ${key} -r 10.2.0.12:53 -m`,
    `-d ${key} -r 10.2.0.12:53`,
    "-C",
    "-A -t 10.3.0.1:80",
    "-D -t 10.3.0.1:80",
    "--set 9 8 7",
    `-A ${key} -s wlc`,
    `-E ${key} -s rr`,
    `-a ${key} -r 10.2.0.11:5353 -m -w 0`,
    `-e ${key} -r 10.2.0.11:5353 -m -w 1`,
  ];
  const conns = ["UDP 0A010107 9C40 0A030001 0035 0A02000B 14E9 UDP             6"];
  const { places, subject } = play({ ipvsadm, conns });
  expect(places).toEqual([]);
  expect(subject.timeoutsS).toEqual([9, 8, 7]);
  expect(subject.editedServices).toHaveLength(1);
});

test("a command that is refused is an error", () => {
  expect(() => play({ ipvsadm: ["-D -t 10.3.0.1:80"] })).toThrow("No such service");
  expect(() => play({ ipvsadm: ["--start-daemon master --mcast-interface s1"] })).toThrow("no synchronisation");
});

test("an exchange without a frame in is a pause of three seconds, for what is sent unasked", () => {
  const [request, answer] = vectorJson()["exchanges"] as readonly unknown[];
  const conns = ["UDP 0A010107 9C40 0A030001 0035 0A02000B 14E9 UDP             296"];
  expect(play({ exchanges: [request, answer, { out: [] }], conns }).places).toEqual([]);
  const unasked = datagram(
    "s",
    "out",
    ipv4({ source: "10.2.0.1", destination: "10.2.0.11" }),
    udp({ sourcePort: 1, destinationPort: 2 }),
  );
  const talkative = (): FakeSubject => {
    const subject = new FakeSubject();
    subject.takeUnasked = () => [{ side: "s", frame: fromHex(unasked.frame) }];
    return subject;
  };
  expect(play({ exchanges: [{ out: [unasked] }], conns: [] }, talkative()).places).toEqual([]);
  expect(play({ exchanges: [{ out: [] }], conns: [] }, talkative()).places).toEqual(["exchange 0"]);
});

test("fragments of a datagram count together: the kernel waits for the last of them, others need not", () => {
  const ports = { sourcePort: 40000, destinationPort: 53 };
  const request = { source: "10.1.1.7", destination: "10.3.0.1", identification: 7 };
  const pieces = fragmentFrame(
    fromHex(datagram("c", "in", ipv4(request), udp(ports), new Uint8Array(1000)).frame),
    600,
  );
  const [first, second] = pieces.map((piece) => ({ side: "c", frame: toHex(piece) }));
  const exchanges = [
    { in: first, out: [] },
    { in: second, out: [first, second] },
  ];
  const playPieces = (inOrder: readonly unknown[]) => {
    const subject = new FakeSubject();
    subject.send = (packet) => ({ leaving: [packet], toStack: [] });
    const { steps, agreed } = play({ exchanges: inOrder, conns: [] }, subject);
    return { steps, agreed };
  };
  expect(playPieces(exchanges)).toEqual({ steps: 1, agreed: 1 });
  expect(playPieces(exchanges.toReversed())).toEqual({ steps: 1, agreed: 0 });
});
