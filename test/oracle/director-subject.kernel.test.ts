// Yardmaster on trial in this kernel: recordings of our own, worked out by hand from what is known of IPVS.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { DirectorSubjects } from "./director-subject.ts";
import { listFiles } from "./load-files.ts";
import { createNetwork } from "./network.ts";
import { playScenario } from "./play-scenario.ts";
import { playVector } from "./play-vector.ts";
import type { Replay } from "./replay.ts";
import { vectorJson } from "./samples.ts";
import { parseScenario } from "./scenario-file.ts";
import { Refused, type Service } from "./subject.ts";
import { parseVector } from "./vector-file.ts";

const owned = new DisposableStack();
afterAll(() => owned.dispose());
const subjects = owned.use(new DirectorSubjects());
const network = owned.use(createNetwork());

const folder = join(import.meta.dirname, "scenarios");
const read = (file: string): object => JSON.parse(readFileSync(file, "utf8")) as object;
const play = (json: object): Replay => playScenario(parseScenario(json), subjects.create, network);

describe("recordings", () => {
  test.each(listFiles([folder]).map((file) => [file.slice(folder.length + 1), file]))("%s", (_, file) => {
    const replay = play(read(file));
    expect(replay.disagreements).toEqual([]);
    expect(replay.agreed).toBe(replay.steps);
  });

  test("of packets", () => {
    const { disagreements } = playVector(parseVector(vectorJson()), subjects.create, network);
    expect(disagreements).toEqual([]);
  });

  test("one that is not true is found out", () => {
    const wrong = { ...read(join(folder, "list-order.json")), kernel_order: ["10.2.0.11:80"] };
    expect(play(wrong).disagreements.map(({ place }) => place)).toEqual(["after set-up"]);
  });
});

const service: Service = {
  key: { protocol: "tcp", address: "10.3.0.1", port: 80 },
  ...{ scheduler: "rr", flags: [], persistenceS: 0, netmaskLength: 32, onePacket: false },
};
const create = () => subjects.create({ network, markRules: [] });

describe("what IPVS refuses", () => {
  test("is refused, and nothing is changed", () => {
    using subject = create();
    subject.addService(service);
    expect(() => subject.addService(service)).toThrow(Refused);
    expect(() => subject.addService({ ...service, key: { ...service.key, port: 0 } as typeof service.key })).toThrow(
      Refused,
    );
    expect(() => subject.editService({ ...service, scheduler: "best" })).toThrow(Refused);
    expect(() => subject.removeServer(service.key, "10.2.0.11:80")).toThrow(Refused);
    expect(subject.destinations(service.key)).toEqual([]);
  });

  test("is told from what is not built", () => {
    using subject = create();
    expect(() => subject.setSysctl("conntrack", 1)).toThrow("conntrack = 1 is not built yet");
    expect(() => subject.setSysctl("conntrack", 0)).not.toThrow();
    expect(() => subject.setSysctl("schedule_icmp", 1)).not.toThrow();
    expect(() => subject.startSyncDaemon("master", "s1", 1)).toThrow("not built yet");
  });
});

test("a subject begins with nothing, whatever the one before it did", () => {
  {
    using first = create();
    first.addService(service);
    expect(() => create()).toThrow("in use");
  }
  using second = create();
  expect(second.destinations(service.key)).toEqual([]);
  expect(second.entries()).toEqual([]);
});
