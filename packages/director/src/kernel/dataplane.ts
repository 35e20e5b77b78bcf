// The data plane as live objects, on either host: maps made and filled from a plan, programs loaded.
// Built whole or not at all.

import { type BalancerMaps, balancer, balancerMaps, reaper } from "@yardmaster/dataplane";
import { type BpfHost, type BpfMap, type BpfProgram, compile, type MapSpec, type ProgramSpec } from "@yardmaster/ebpf";
import type { Plan, PlannedService } from "../plan/plan.ts";
import { TickRate } from "./clock.ts";

/** Maps by the names that programs know them by. */
export type LiveMaps = {
  readonly [N in Exclude<keyof BalancerMaps, "membersInner" | "tablesInner">]: BpfMap<
    KeyOf<BalancerMaps[N]["spec"]>,
    ValueOf<BalancerMaps[N]["spec"]>
  >;
};
type KeyOf<S> = S extends MapSpec<infer K, infer _V> ? K : never;
type ValueOf<S> = S extends MapSpec<infer _K, infer V> ? V : never;

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
  const definitions = balancerMaps(plan.shape);
  const programs = [balancer(definitions, plan.shape), reaper(definitions, plan.shape)].map(compile);
  const { membersInner, tablesInner, ...shared } = definitions;
  const byName = new Map<string, BpfMap>();
  const maps: Record<string, BpfMap> = {};
  for (const [name, definition] of Object.entries(shared)) {
    const map = cleanup.use(host.createMap(definition.spec as MapSpec));
    maps[name] = map;
    byName.set(definition.spec.name, map);
  }
  const live = maps as unknown as LiveMaps;
  const ticksPerSecond = rate.perSecond();
  fillSettings(live, plan, ticksPerSecond);
  for (const service of plan.services) fillService(host, live, { membersInner, tablesInner }, service);
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

function fillSettings(maps: LiveMaps, plan: Plan, ticksPerSecond: number): void {
  maps.settings.update(0, {
    ticksPerSecond,
    now: 0,
    timeouts: plan.timeoutsMs.map((ms) => Math.ceil((ms * ticksPerSecond) / 1000)),
    transitions: [...plan.transitions],
  });
}

/** The service becomes visible last, when all that it needs is there. */
function fillService(
  host: BpfHost,
  maps: LiveMaps,
  inner: Pick<BalancerMaps, "membersInner" | "tablesInner">,
  { index, key, record, destinations, members, table, position }: PlannedService,
): void {
  for (const { index: at, record: destination, replyRule } of destinations) {
    maps.destinations.update(at, destination);
    if (replyRule !== undefined) maps.replyRules.update(replyRule.key, replyRule.value);
  }
  {
    using list = host.createMap(inner.membersInner.spec);
    list.update(0, [...members]);
    maps.members.updateInner(index, list as BpfMap);
  }
  if (table !== undefined) {
    using slots = host.createMap({ ...inner.tablesInner.spec, maxEntries: table.length });
    slots.updateBatch(Array.from(table, (value, slot) => [slot, value] as const));
    maps.tables.updateInner(index, slots as BpfMap);
  }
  maps.positions.update(index, { value: position, reserved: new Uint8Array(56) });
  maps.services.update(index, record);
  maps.serviceIndex.update(key, { service: index });
}
