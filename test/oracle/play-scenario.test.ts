// Scenarios against the fake balancer: what agrees passes, and every kind of observation that differs is found.
import { describe, expect, test } from "vitest";
import { type Faults, FakeSubject } from "./fake-subject.ts";
import { playScenario } from "./play-scenario.ts";
import { connectResult, connectStep, noNetwork, scenarioJson } from "./samples.ts";
import { parseScenario } from "./scenario-file.ts";

interface Recording {
  readonly step: object;
  readonly result: object;
}

function play(recording: readonly Recording[], changes: Readonly<Record<string, unknown>> = {}, faults: Faults = {}) {
  const [steps, results] = [recording.map(({ step }) => step), recording.map(({ result }) => result)];
  const subject = new FakeSubject(faults);
  const scenario = parseScenario(scenarioJson({ ...changes, steps, results }));
  const replay = playScenario(scenario, () => subject, noNetwork());
  return { ...replay, subject, found: replay.disagreements.flatMap(({ differences }) => differences) };
}

const syn = (c: number, server: string) => ({
  step: { op: "syn", c, src: "10.1.1.1", sport: 1024 + c },
  result: { server, t: c },
});
const nat = {
  mode: "nat",
  servers: [{ address: "10.2.0.11", port: 8080, weight: 1 }],
  kernel_order: ["10.2.0.11:8080"],
};
const natConnect = { step: connectStep, result: { server: "10.2.0.11:8080", t: 1 } };

describe("agreement", () => {
  test("of everything that is recorded", () => {
    const { steps, agreed, found, subject } = play([{ step: connectStep, result: connectResult }]);
    expect({ steps, agreed, found }).toEqual({ steps: 1, agreed: 1, found: [] });
    expect(subject.isDisposed).toBe(true);
  });

  test("in NAT: the server answers, the client gets what it sends", () => {
    const server = "10.2.0.11:8080";
    const out = (kind: string, forwarded: string) => ({
      step: { op: "tcp", c: 1, kind, dir: "out" },
      result: { forwarded, conn: { server, state: "ESTABLISHED", expires: 899 }, t: 2 },
    });
    const close = { step: { op: "close", c: 1 }, result: { server, counts: { [server]: [1, 0] }, t: 3 } };
    const { found } = play([natConnect, out("data", "tcp-PA"), out("ack", "tcp-A"), close], nat);
    expect(found).toEqual([]);
  });

  test("of packets that the host's own stack answers", () => {
    const alone = (kind: string, reply?: string) => ({
      step: { op: "tcp", c: kind, kind, dir: "in", src: "10.1.1.1", sport: 2000 },
      result: { server: null, ...(reply !== undefined && { reply }), conn: null, t: 1 },
    });
    expect(play([alone("ack", "tcp-R"), alone("fin", "tcp-R"), alone("rst")]).found).toEqual([]);
  });

  test("of a mark service: marked packets reach it, names are as configured, ports are kept", () => {
    const marks = ["ip daddr 10.4.0.0/16 meta mark set 1"];
    const servers = [{ address: "10.2.0.11", port: 0, weight: 1 }];
    const changes = { service: { fwmark: 1 }, marks, servers, kernel_order: ["10.2.0.11:0"], protocol: "udp" };
    const udp = (dst: string, result: object) => ({
      step: { op: "udp", src: "10.1.1.1", sport: 1025, dst, dport: 53 },
      result: { t: 1, ...result },
    });
    const counts = { "10.2.0.11:0": [0, 1] };
    const { found, subject } = play([udp("10.4.0.1", { server: "10.2.0.11:0", counts }), udp("10.9.0.1", {})], changes);
    expect(found).toEqual([]);
    expect(subject.marks).toEqual([1, 0]);
  });

  test("over IPv6", () => {
    const servers = [{ address: "fd00:2::b", port: 80, weight: 1 }];
    const changes = { service: { address: "fd00:3::1", port: 80 }, servers, kernel_order: ["[fd00:2::b]:80"] };
    const conn = { server: "[fd00:2::b]:80", state: "SYN_RECV", expires: 60 };
    const step = { op: "syn", c: 1, src: "fd00:9::7", sport: 1025 };
    expect(play([{ step, result: { server: "[fd00:2::b]:80", conn, t: 1 } }], changes).found).toEqual([]);
  });
});

describe("a disagreement is found", () => {
  const wrong = (result: object) => play([{ step: connectStep, result: { ...connectResult, ...result } }]).found;

  test.each([
    ["server", { server: "10.2.0.11:80" }, "10.2.0.11:80", "10.2.0.12:80"],
    ["server", { server: null }, "none", "10.2.0.12:80"],
    ["reply", { reply: "icmp-3-3" }, "icmp-3-3", "none"],
    ["server of the ACK", { ack_server: "10.2.0.11:80" }, "10.2.0.11:80", "the same"],
    ["forwarded", { forwarded: "tcp-SA" }, "tcp-SA", "none"],
    [
      "counts of 10.2.0.12:80",
      { counts: { "10.2.0.12:80": [0, 1], "10.2.0.11:80": [0, 0] } },
      "0 active, 1 inactive",
      "1 active, 0 inactive",
    ],
    ["counts of 10.2.0.11:80", { counts: { "10.2.0.12:80": [1, 0] } }, "none", "0 active, 0 inactive"],
    ["connection 10.1.1.1:1025 10.3.0.1:80", { conn: null }, "none", "10.2.0.12:80 ESTABLISHED, 900 s left"],
    ["connections", { conns: [] }, "none besides", "TCP 10.1.1.1:1025 10.3.0.1:80 -> 10.2.0.12:80 ESTABLISHED 900"],
    ["order", { order: ["10.2.0.11:80", "10.2.0.12:80"] }, "10.2.0.11:80 10.2.0.12:80", "10.2.0.12:80 10.2.0.11:80"],
  ])("%s", (what, result, expected, got) => {
    expect(wrong(result)).toEqual([{ what, expected, got }]);
  });

  test.each([
    ["server", { server: "10.2.0.11:80", state: "ESTABLISHED", expires: 899 }],
    ["state", { server: "10.2.0.12:80", state: "SYN_RECV", expires: 899 }],
    ["time left, too little", { server: "10.2.0.12:80", state: "ESTABLISHED", expires: 897 }],
    ["time left, too much", { server: "10.2.0.12:80", state: "ESTABLISHED", expires: 901 }],
  ])("in a connection's %s", (_part, conn) => {
    expect(wrong({ conn })).toHaveLength(1);
  });

  test("in the order after set-up", () => {
    const { disagreements, agreed } = play([syn(1, "10.2.0.12:80")], {
      kernel_order: ["10.2.0.11:80", "10.2.0.12:80"],
    });
    expect(disagreements.map(({ place }) => place)).toEqual(["after set-up"]);
    expect(agreed).toBe(1);
  });

  test("when the ACK of a handshake goes nowhere", () => {
    // A timeout of no time at all: the entry is gone before the ACK comes, which then belongs to nothing.
    const step = { op: "connect", c: 1, src: "10.1.1.1", sport: 1025 };
    const subject = new FakeSubject();
    const scenario = parseScenario(scenarioJson({ steps: [step], results: [{ server: "10.2.0.12:80", t: 1 }] }));
    const send = subject.send.bind(subject);
    subject.send = (packet, mark) => {
      const sent = send(packet, mark);
      subject.advance(100_000);
      return sent;
    };
    const { disagreements } = playScenario(scenario, () => subject, noNetwork());
    expect(disagreements[0]?.differences).toEqual([{ what: "server of the ACK", expected: "the same", got: "none" }]);
  });

  test("when a server's packet is lost", () => {
    const step = { op: "tcp", c: 1, kind: "data", dir: "out" };
    const { found } = play([natConnect, { step, result: { forwarded: "tcp-PA", t: 2 } }], nat, {
      dropsServerPackets: true,
    });
    expect(found).toEqual([{ what: "forwarded", expected: "tcp-PA", got: "none" }]);
  });

  test("and the replay goes on, with the state of its moment", () => {
    const steps = [syn(1, "10.2.0.12:80"), syn(2, "10.2.0.11:80"), syn(3, "10.2.0.12:80")];
    const { steps: count, agreed, disagreements } = play(steps, {}, { sticksToHead: true });
    expect({ count, agreed }).toEqual({ count: 3, agreed: 2 });
    expect(disagreements).toEqual([
      {
        place: "step 1",
        text: JSON.stringify(steps[1]?.step),
        differences: [{ what: "server", expected: "10.2.0.11:80", got: "10.2.0.12:80" }],
        state: [
          "TCP 10.3.0.1:80: 10.2.0.12:80 2/0, 10.2.0.11:80 0/0",
          "TCP 10.1.1.1:1025 10.3.0.1:80 -> 10.2.0.12:80 SYN_RECV 59",
          "TCP 10.1.1.1:1026 10.3.0.1:80 -> 10.2.0.12:80 SYN_RECV 60",
        ],
      },
    ]);
  });
});

describe("time", () => {
  const counted = (op: object, t: number | undefined, active: number) => ({
    step: op,
    result: {
      ok: true,
      counts: { "10.2.0.12:80": [active, 0], "10.2.0.11:80": [0, 0] },
      ...(t !== undefined && { t }),
    },
  });

  test("follows the recorded t: entries expire on it", () => {
    const wait = { op: "wait", seconds: 59 };
    expect(play([syn(1, "10.2.0.12:80"), counted(wait, 60_000, 1)]).found).toEqual([]);
    expect(play([syn(1, "10.2.0.12:80"), counted(wait, 60_001, 0)]).found).toEqual([]);
  });

  test("follows the pauses where no t is recorded", () => {
    const first = { step: syn(1, "").step, result: { server: "10.2.0.12:80" } };
    expect(play([first, counted({ op: "wait", seconds: 59.9 }, undefined, 1)]).found).toEqual([]);
    expect(play([first, counted({ op: "wait", seconds: 60 }, undefined, 0)]).found).toEqual([]);
  });

  test("passes between a step and the look at it when the recorder let things settle", () => {
    const conn = (expires: number) => ({ server: "10.2.0.12:80", state: "SYN_RECV", expires });
    const step = syn(1, "").step;
    const recorded = (expires: number) => [{ step, result: { server: "10.2.0.12:80", conn: conn(expires), t: 30 } }];
    expect(play(recorded(60)).found).toEqual([]);
    expect(play(recorded(60), { settle: 0.02 }).found).toHaveLength(1);
    expect(play(recorded(59), { settle: 0.02 }).found).toEqual([]);
  });
});

describe("control steps", () => {
  const accepted = (step: object, extra: object = {}) => ({ step, result: { ok: true, t: 1, ...extra } });
  const refused = (step: object) => ({ step, result: { ok: false, t: 1 } });

  test("change servers, the other attributes stay", () => {
    const order = ["10.2.0.13:80", "10.2.0.12:80", "10.2.0.11:80"];
    const { found } = play([
      accepted({ op: "set_weight", server: "10.2.0.12:80", weight: 0 }),
      syn(1, "10.2.0.11:80"),
      accepted({ op: "edit_server", server: "10.2.0.11:80", set: { upper: 9, lower: 5 } }),
      accepted({ op: "edit_server", server: "10.2.0.11:80", set: { weight: 3 } }),
      refused({ op: "edit_server", server: "10.2.0.11:80", set: { lower: 10 } }),
      accepted({ op: "add_server", server: { address: "10.2.0.13", port: 80, weight: 1 } }, { order }),
      refused({ op: "add_server", server: { address: "10.2.0.13", port: 80, weight: 1 } }),
      accepted({ op: "remove_server", server: "10.2.0.13:80" }, { order: order.slice(1) }),
      refused({ op: "remove_server", server: "10.2.0.13:80" }),
      refused({ op: "set_weight", server: "10.2.0.13:80", weight: 1 }),
    ]);
    expect(found).toEqual([]);
  });

  test("a refusal that was not recorded is a disagreement, and the other way round", () => {
    const twice = { op: "add_server", server: { address: "10.2.0.11", port: 80, weight: 1 } };
    expect(play([accepted(twice)]).found).toEqual([{ what: "ok", expected: "true", got: "false" }]);
    const once = { op: "remove_server", server: "10.2.0.11:80" };
    expect(play([refused(once)]).found).toEqual([{ what: "ok", expected: "false", got: "true" }]);
  });

  test("change the service and settings", () => {
    const { found, subject } = play(
      [
        accepted({ op: "edit_service", set: { scheduler: "wlc", persistent: 60, netmask: "255.255.255.0" } }),
        accepted({ op: "sysctl", name: "expire_nodest_conn", value: 1 }),
      ],
      { sysctl: { conn_reuse_mode: 0 }, timeouts: [9, 8, 7] },
    );
    expect(found).toEqual([]);
    expect([...subject.sysctls]).toEqual([
      ["conn_reuse_mode", 0],
      ["expire_nodest_conn", 1],
    ]);
    expect(subject.timeoutsS).toEqual([9, 8, 7]);
    const key = { protocol: "tcp", address: "10.3.0.1", port: 80 };
    const edited = { key, scheduler: "wlc", flags: [], persistenceS: 60, netmaskLength: 24, onePacket: false };
    expect(subject.editedServices).toEqual([edited]);
  });
});

describe("what cannot be replayed is an error that says where", () => {
  test.each([
    [{ op: "close", c: 7 }, 'step 0, {"op":"close","c":7}: connection 7 was never opened'],
    [{ op: "tcp", c: 1, kind: "ack", dir: "in", src: "10.1.1.1" }, "src and sport go together"],
    [{ op: "tcp", c: 1, kind: "ack", dir: "out", src: "10.1.1.1", sport: 1 }, "in NAT only"],
    [{ op: "sysctl", name: "mystery", value: 1 }, "there is no sysctl mystery"],
  ])("%j", (step, message) => {
    expect(() => play([{ step, result: { t: 1 } }], {}, { diesOn: "mystery" })).toThrow(message);
  });

  test("a mark service has no address of its own", () => {
    const step = { op: "udp", src: "10.1.1.1", sport: 1025 };
    const changes = { service: { fwmark: 1 }, servers: [], kernel_order: [] };
    expect(() => play([{ step, result: { server: null } }], changes)).toThrow("no dst and dport");
  });

  test("unless there is a disagreement before it to report", () => {
    const { disagreements } = play([syn(1, "10.2.0.11:80"), { step: { op: "close", c: 7 }, result: { t: 1 } }]);
    expect(disagreements.map(({ place }) => place)).toEqual(["step 0"]);
  });
});
