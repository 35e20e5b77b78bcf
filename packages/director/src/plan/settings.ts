// What the running programs are told: the settings of a configuration as the data plane knows them.
import {
  defaultTimeoutsMs,
  removalActions,
  reuseModes,
  Settings,
  states,
  type TransitionRules,
  transitionBytes,
} from "@yardmaster/dataplane";
import type { JsOf } from "@yardmaster/ebpf";
import {
  type DirectorSettings,
  type LocalityTimeoutsMs,
  type PortReuse,
  type TimedState,
  timedStates,
} from "../model/configuration.ts";

/** What holds for all services, and can be changed while packets flow. */
export interface LiveSettings {
  /** How long a connection may be silent, by the number of its state. */
  readonly timeoutsMs: readonly number[];
  readonly transitions: TransitionRules;
  /** Bits of `reuseModes`. */
  readonly reuseMode: number;
  readonly onRemoval: keyof typeof removalActions;
  /** Clients leave the servers that they are bound to when these are quiesced. */
  readonly leaveQuiesced: boolean;
  readonly sloppyTcp: boolean;
  readonly refuseSourcePort20: boolean;
  /** Of so many packets that would open a connection one is dropped; 0: none. */
  readonly dropRate: number;
  readonly refusesByIcmp: boolean;
  /** Every packet renews its connection's time. False: where that moves by less than a second it does not. */
  readonly exactTimers: boolean;
  readonly answersPerSecond: number;
  /** ICMP errors about no connection open the one of their flow. */
  readonly scheduleIcmp: boolean;
  /** A nat server's packet of no connection is answered with an ICMP error. */
  readonly natIcmpSend: boolean;
  /** Pings to virtual addresses are answered. */
  readonly pingVip: boolean;
  /** IPVS's pmtu_disc. */
  readonly pathMtuDiscovery: boolean;
  /** The largest segment that SYNs may announce, in bytes; 0: what the ways take, where that is asked for. */
  readonly mssClamp: number;
  readonly localityMs: LocalityTimeoutsMs;
  /** Ports that the kernel gives to its own sockets, which full NAT keeps off. Default: as Linux has them. */
  readonly kernelPorts?: KernelPorts;
}

/** A range of ports, both ends included. */
export interface KernelPorts {
  readonly first: number;
  readonly last: number;
}

/** As Linux has them by default (net.ipv4.ip_local_port_range). */
export const usualKernelPorts: KernelPorts = { first: 32_768, last: 60_999 };
/** Below are the ports of servers, which people know by number. */
const FIRST_LOCAL_PORT = 1024;
const LAST_LOCAL_PORT = 65_535;

/** How many local ports full NAT has of each address. */
export function localPortCount({ first, last }: KernelPorts = usualKernelPorts): number {
  const taken = Math.max(0, last - Math.max(first, FIRST_LOCAL_PORT) + 1);
  return LAST_LOCAL_PORT - FIRST_LOCAL_PORT + 1 - taken;
}

/** IPVS's conn_reuse_mode for each word: 0, 1 and 3. */
const reuseMode: Readonly<Record<PortReuse, number>> = {
  never: 0,
  ended: reuseModes.afterEnd,
  closing: reuseModes.afterEnd | reuseModes.afterFin,
};

/** What the director's settings mean to the data plane. */
export function liveSettings(director: DirectorSettings, kernelPorts: KernelPorts = usualKernelPorts): LiveSettings {
  const isIpvs = director.compatibility === "ipvs";
  const timeoutsMs = [...defaultTimeoutsMs];
  for (const word of Object.keys(timedStates) as TimedState[]) {
    timeoutsMs[states[timedStates[word]]] = director.timeoutsMs[word];
  }
  return {
    timeoutsMs,
    transitions: director.secureTcp ? "secure" : "normal",
    reuseMode: reuseMode[director.portReuse],
    onRemoval: director.onRemoval,
    leaveQuiesced: director.quiescedTemplates === "leave",
    sloppyTcp: director.sloppyTcp,
    refuseSourcePort20: isIpvs,
    dropRate: director.dropOneOf,
    refusesByIcmp: isIpvs,
    exactTimers: isIpvs,
    answersPerSecond: director.answersPerSecond,
    scheduleIcmp: director.scheduleIcmp,
    natIcmpSend: director.natIcmpSend,
    pingVip: director.pingVip,
    pathMtuDiscovery: director.pathMtuDiscovery,
    mssClamp: typeof director.mssClamp === "number" ? director.mssClamp : 0,
    localityMs: director.localityMs,
    kernelPorts,
  };
}

/** Ticks of so many milliseconds, rounded up. */
export function ticksOf(ms: number, ticksPerSecond: number): number {
  return Math.ceil((ms * ticksPerSecond) / 1000);
}

/** Content of the settings map under a clock of `ticksPerSecond`. */
export function settingsRecord(settings: LiveSettings, ticksPerSecond: number): JsOf<typeof Settings> {
  return {
    ...Settings.decode(new Uint8Array(Settings.size)),
    ticksPerSecond,
    reuseMode: settings.reuseMode,
    onRemoval: removalActions[settings.onRemoval],
    leaveQuiesced: Number(settings.leaveQuiesced),
    sloppyTcp: Number(settings.sloppyTcp),
    refuseSourcePort20: Number(settings.refuseSourcePort20),
    dropRate: settings.dropRate,
    refusesByIcmp: Number(settings.refusesByIcmp),
    answersPerSecond: settings.answersPerSecond,
    scheduleIcmp: Number(settings.scheduleIcmp),
    natIcmpSend: Number(settings.natIcmpSend),
    pingVip: Number(settings.pingVip),
    pathMtuDiscovery: Number(settings.pathMtuDiscovery),
    mssClamp: settings.mssClamp,
    renewalTicks: settings.exactTimers ? 1 : ticksPerSecond,
    localitySetTicks: ticksOf(settings.localityMs.lblcr, ticksPerSecond),
    localPortFirst: FIRST_LOCAL_PORT,
    localPortCount: localPortCount(settings.kernelPorts),
    localGapFirst: Math.max((settings.kernelPorts ?? usualKernelPorts).first, FIRST_LOCAL_PORT),
    localGapCount: LAST_LOCAL_PORT - FIRST_LOCAL_PORT + 1 - localPortCount(settings.kernelPorts),
    timeouts: settings.timeoutsMs.map((ms) => ticksOf(ms, ticksPerSecond)),
    transitions: transitionBytes(settings.transitions),
  };
}
