// The data plane as live objects, on either host: maps made, programs loaded, and services put in from a plan. Built
// whole or not at all.

import { balancer, reaper } from "@yardmaster/dataplane";
import { type BpfHost, type BpfMap, type BpfProgram, compile, type ProgramSpec } from "@yardmaster/ebpf";
import { LiveServices } from "../live/live-services.ts";
import type { Ground } from "../live/pool.ts";
import type { Plan } from "../plan/plan.ts";
import { TickRate } from "./clock.ts";
import { type LiveMaps, makeMaps } from "./live-maps.ts";

/** Programs and maps of one plan. Closing it closes them all. */
export interface Dataplane<P extends BpfProgram = BpfProgram> extends Disposable {
  readonly plan: Plan;
  readonly maps: LiveMaps;
  readonly program: P;
  readonly reaper: P;
  /** The services as they are now; the plan has them as they were at the start. */
  readonly live: LiveServices;
  /** Ticks of the programs' clock in a second. */
  readonly ticksPerSecond: number;
}

/** A host whose programs are of a more special kind than the contract's. */
export interface HostOf<P extends BpfProgram> extends BpfHost {
  loadProgram(spec: ProgramSpec, maps: ReadonlyMap<string, BpfMap>): P;
}

/**
 * Makes everything real on `host`. `ticksPerSecond` is measured unless given, as under a manual clock; without
 * `sourceTowards` tunnels have no address to begin at.
 */
export function createDataplane<P extends BpfProgram>(
  host: HostOf<P>,
  plan: Plan,
  options: { readonly ticksPerSecond?: number } & Pick<Ground, "sourceTowards"> = {},
): Dataplane<P> {
  using cleanup = new DisposableStack();
  using rate = options.ticksPerSecond === undefined ? new TickRate(host) : knownRate(options.ticksPerSecond);
  const { shape } = plan;
  const made = makeMaps(host, shape, cleanup);
  const programs = [balancer(made.definitions, shape), reaper(made.definitions, shape)].map(compile);
  const [program, reaping] = programs.map((spec) => cleanup.use(host.loadProgram(spec, made.byName)));
  if (program === undefined || reaping === undefined) throw new Error("two programs were compiled");
  const ticksPerSecond = rate.perSecond();
  const { sourceTowards } = options;
  const ground = {
    ...{ host, made, shape, ticksPerSecond, reaper: reaping },
    ...(sourceTowards !== undefined && { sourceTowards }),
  };
  const live = cleanup.use(new LiveServices(ground, plan.settings));
  for (const { servers, ...definition } of plan.services) {
    live.addService(definition, servers, { arrival: plan.arrival });
  }
  const owned = cleanup.move();
  return {
    plan,
    maps: made.live,
    program,
    reaper: reaping,
    live,
    ticksPerSecond,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function knownRate(ticksPerSecond: number): Pick<TickRate, "perSecond"> & Disposable {
  return { perSecond: () => ticksPerSecond, [Symbol.dispose]: () => undefined };
}
