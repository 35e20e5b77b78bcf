// What each setting means to the programs: the content of the settings map.
import { removalActions, reuseModes, states, transitionBytes } from "@yardmaster/dataplane";
import { expect, test } from "vitest";
import { configuration } from "../../test/sample.ts";
import { type DirectorSettings, defaultTimeoutsMs } from "../model/configuration.ts";
import { liveSettings, settingsRecord } from "./settings.ts";

const record = (changes: Partial<DirectorSettings> = {}, ticksPerSecond = 250) =>
  settingsRecord(liveSettings(configuration([], changes).director), ticksPerSecond);

test("timeouts are LVS's, by state number", () => {
  const { timeoutsMs } = liveSettings(configuration([]).director);
  expect(Object.fromEntries(Object.entries(states).map(([name, state]) => [name, timeoutsMs[state]]))).toEqual({
    NONE: 2_000,
    ESTABLISHED: 900_000,
    SYN_SENT: 120_000,
    SYN_RECV: 60_000,
    FIN_WAIT: 120_000,
    TIME_WAIT: 120_000,
    CLOSE: 10_000,
    CLOSE_WAIT: 60_000,
    LAST_ACK: 30_000,
    LISTEN: 120_000,
    SYNACK: 120_000,
    UDP: 300_000,
    CLAIMED: 0,
  });
  expect(timeoutsMs).toHaveLength(16);
});

test.each([
  ["tcp", "ESTABLISHED"],
  ["tcpFin", "FIN_WAIT"],
  ["udp", "UDP"],
  ["none", "NONE"],
  ["synSent", "SYN_SENT"],
  ["synRecv", "SYN_RECV"],
  ["synAck", "SYNACK"],
  ["timeWait", "TIME_WAIT"],
  ["close", "CLOSE"],
  ["closeWait", "CLOSE_WAIT"],
  ["lastAck", "LAST_ACK"],
  ["listen", "LISTEN"],
] as const)("the timeout %s is of the state %s and of no other", (word, state) => {
  const before = record().timeouts;
  const after = record({ timeoutsMs: { ...defaultTimeoutsMs, [word]: 7_001 } }).timeouts;
  // In ticks, rounded up.
  expect(after.flatMap((ticks, at) => (ticks === before[at] ? [] : [[at, ticks]]))).toEqual([[states[state], 1_751]]);
});

test("by default nothing differs from LVS but what the decisions list", () => {
  expect(record()).toMatchObject({
    ticksPerSecond: 250,
    reuseMode: reuseModes.afterEnd,
    onRemoval: removalActions.drop,
    leaveQuiesced: 0,
    sloppyTcp: 0,
    refuseSourcePort20: 0,
    dropRate: 0,
    refusesByIcmp: 0,
    answersPerSecond: 1_000,
    scheduleIcmp: 0,
    natIcmpSend: 0,
    pingVip: 1,
    localitySetTicks: 86_400 * 250,
    transitions: transitionBytes(),
  });
});

test("compatibility with IPVS takes those back", () => {
  expect(record({ compatibility: "ipvs" })).toEqual({
    ...record(),
    renewalTicks: 1,
    refuseSourcePort20: 1,
    refusesByIcmp: 1,
  });
});

test.each<[Partial<DirectorSettings>, Partial<ReturnType<typeof record>>]>([
  [{ portReuse: "never" }, { reuseMode: 0 }],
  [{ portReuse: "closing" }, { reuseMode: reuseModes.afterEnd | reuseModes.afterFin }],
  [{ onRemoval: "reset" }, { onRemoval: removalActions.reset }],
  [{ onRemoval: "reschedule" }, { onRemoval: removalActions.reschedule }],
  [{ quiescedTemplates: "leave" }, { leaveQuiesced: 1 }],
  [{ sloppyTcp: true }, { sloppyTcp: 1 }],
  [{ secureTcp: true }, { transitions: transitionBytes("secure") }],
  [{ dropOneOf: 10 }, { dropRate: 10 }],
  [{ answersPerSecond: 5 }, { answersPerSecond: 5 }],
  [{ scheduleIcmp: true }, { scheduleIcmp: 1 }],
  [{ natIcmpSend: true }, { natIcmpSend: 1 }],
  [{ pingVip: false }, { pingVip: 0 }],
  [{ localityMs: { lblc: 1_000, lblcr: 2_000 } }, { localitySetTicks: 500 }],
])("%j", (changes, expected) => {
  expect(record(changes)).toEqual({ ...record(), ...expected });
});
