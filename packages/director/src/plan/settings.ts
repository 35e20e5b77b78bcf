// What the running programs are told: the settings of a configuration as the map of settings holds them.
import { defaultTimeoutsMs, removalActions, reuseModes, Settings, states, transitionBytes } from "@yardmaster/dataplane";
import type { JsOf } from "@yardmaster/ebpf";
import {
  type ConnectionTimeoutsMs,
  type DirectorSettings,
  type PortReuse,
  type TimedState,
  timedStates,
} from "../model/configuration.ts";

/** IPVS's conn_reuse_mode for each word: 0, 1 and 3. */
const reuseMode: Readonly<Record<PortReuse, number>> = {
  never: 0,
  ended: reuseModes.afterEnd,
  closing: reuseModes.afterEnd | reuseModes.afterFin,
};

/** Ticks of so many milliseconds, rounded up. */
export function ticksOf(ms: number, ticksPerSecond: number): number {
  return Math.ceil((ms * ticksPerSecond) / 1000);
}

/** Content of the settings map under a clock of `ticksPerSecond`. */
export function settingsRecord(settings: DirectorSettings, ticksPerSecond: number): JsOf<typeof Settings> {
  const isIpvs = settings.compatibility === "ipvs";
  return {
    ...Settings.decode(new Uint8Array(Settings.size)),
    ticksPerSecond,
    reuseMode: reuseMode[settings.portReuse],
    onRemoval: removalActions[settings.onRemoval],
    leaveQuiesced: Number(settings.quiescedTemplates === "leave"),
    sloppyTcp: Number(settings.sloppyTcp),
    refuseSourcePort20: Number(isIpvs),
    dropRate: settings.dropOneOf,
    refusesByIcmp: Number(isIpvs),
    answersPerSecond: settings.answersPerSecond,
    localitySetTicks: ticksOf(settings.localityMs, ticksPerSecond),
    timeouts: timeoutsByState(settings.timeoutsMs).map((ms) => ticksOf(ms, ticksPerSecond)),
    transitions: transitionBytes(settings.secureTcp ? "secure" : "normal"),
  };
}

/** Milliseconds by state number. */
export function timeoutsByState(timeoutsMs: ConnectionTimeoutsMs): readonly number[] {
  const all = [...defaultTimeoutsMs];
  for (const word of Object.keys(timedStates) as TimedState[]) all[states[timedStates[word]]] = timeoutsMs[word];
  return all;
}
