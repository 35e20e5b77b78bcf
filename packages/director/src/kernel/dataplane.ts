// The data plane as live objects, on either host: maps made and filled from a plan, programs loaded.
// Built whole or not at all.

import { type BalancerMaps, balancer, reaper } from "@yardmaster/dataplane";
import { type BpfHost, type BpfMap, type BpfProgram, compile, type ProgramSpec } from "@yardmaster/ebpf";
import type { Plan, PlannedService } from "../plan/plan.ts";
import { settingsRecord, ticksOf } from "../plan/settings.ts";
import { type PlannedWide, portSlot, prefixKey } from "../plan/wide.ts";
import { TickRate } from "./clock.ts";
import { type LiveMaps, makeMaps } from "./live-maps.ts";

/** Programs and maps of one plan. Closing it closes them all. */
export interface Dataplane<P extends BpfProgram = BpfProgram> extends Disposable {
  readonly plan: Plan;
  readonly maps: LiveMaps;
  readonly program: P;
  readonly reaper: P;
  /** Ticks of the programs' clock in a second. */
  readonly ticksPerSecond: number;
}

/** A host whose programs are of a more special kind than the contract's. */
export interface HostOf<P extends BpfProgram> extends BpfHost {
  loadProgram(spec: ProgramSpec, maps: ReadonlyMap<string, BpfMap>): P;
}

/** Makes everything real on `host`. `ticksPerSecond` is measured unless given, as under a manual clock. */
export function createDataplane<P extends BpfProgram>(
  host: HostOf<P>,
  plan: Plan,
  options: { readonly ticksPerSecond?: number } = {},
): Dataplane<P> {
  using cleanup = new DisposableStack();
  using rate = options.ticksPerSecond === undefined ? new TickRate(host) : knownRate(options.ticksPerSecond);
  const { definitions, live, byName } = makeMaps(host, plan.shape, cleanup);
  const programs = [balancer(definitions, plan.shape), reaper(definitions, plan.shape)].map(compile);
  const ticksPerSecond = rate.perSecond();
  live.settings.update(0, settingsRecord(plan.settings, ticksPerSecond));
  for (const service of plan.services) fillService(host, live, definitions.inner, { service, ticksPerSecond });
  fillWide(live, plan.wide);
  const [program, reaping] = programs.map((spec) => cleanup.use(host.loadProgram(spec, byName)));
  if (program === undefined || reaping === undefined) throw new Error("two programs were compiled");
  const owned = cleanup.move();
  return {
    plan,
    maps: live,
    program,
    reaper: reaping,
    ticksPerSecond,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function knownRate(ticksPerSecond: number): Pick<TickRate, "perSecond"> & Disposable {
  return { perSecond: () => ticksPerSecond, [Symbol.dispose]: () => undefined };
}

/** The service becomes visible last, when all that it needs is there. */
function fillService(
  host: BpfHost,
  maps: LiveMaps,
  inner: BalancerMaps["inner"],
  planned: { readonly service: PlannedService; readonly ticksPerSecond: number },
): void {
  const { index, family, key, record, destinations, table, service: wanted } = planned.service;
  for (const { index: at, record: destination, replyRule } of destinations) {
    maps.destinations.update(at, destination);
    if (replyRule !== undefined) maps[family].replyRules.update(replyRule.key, replyRule.value);
  }
  if (table !== undefined) {
    using slots = host.createMap({ ...inner.slots.spec, maxEntries: table.length });
    slots.updateBatch(Array.from(table, (value, slot) => [slot, value] as const));
    maps.tables.updateInner(index, slots as BpfMap);
  }
  {
    using service = host.createMap(inner.service.spec);
    const persistenceTicks = ticksOf(wanted.persistence?.timeoutMs ?? 0, planned.ticksPerSecond);
    service.update(0, { ...record, persistenceTicks });
    maps.services.updateInner(index, service as BpfMap);
  }
  if (key !== undefined) maps[family].serviceIndex.update(key, { service: index });
}

/** Prefixes first: ports lead to them. */
function fillWide(maps: LiveMaps, { ports, prefixes }: PlannedWide): void {
  for (const prefix of prefixes) maps[prefix.family].prefixes.update(prefixKey(prefix), { service: prefix.service });
  for (const { protocol, first, last, portClass } of ports) {
    const slots = Array.from({ length: last - first + 1 }, (_, at) => portSlot(protocol, first + at));
    maps.portClasses.updateBatch(slots.map((slot) => [slot, { portClass }] as const));
  }
}
