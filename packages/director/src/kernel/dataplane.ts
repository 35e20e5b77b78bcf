// The data plane as live objects, on either host: maps made, programs loaded, and services put in from a plan. Built
// whole or not at all.

import { balancer, type BalancerMaps, type BalancerShape, hasFeature, prober, reaper } from "@yardmaster/dataplane";
import { type BpfHost, type BpfMap, type BpfProgram, compile, type ProgramSpec } from "@yardmaster/ebpf";
import { LiveServices } from "../live/live-services.ts";
import type { Ground, Room } from "../live/pool.ts";
import type { Plan } from "../plan/plan.ts";
import { Carriage } from "../succession/carry.ts";
import type { Former } from "../succession/former-maps.ts";
import { readHeritage } from "../succession/heritage.ts";
import { keepRoom } from "../succession/keep-room.ts";
import { TickRate } from "./clock.ts";
import { type LiveMaps, type MadeMaps, makeMaps } from "./live-maps.ts";

/** Programs and maps of one plan. Closing it closes them all. */
export interface Dataplane<P extends BpfProgram = BpfProgram> extends Disposable {
  readonly plan: Plan;
  readonly maps: LiveMaps;
  readonly program: P;
  /** The same for a hook, over the same maps; made when it is first asked for. */
  programFor(hook: "xdp" | "tc"): P;
  readonly reaper: P;
  /** Sends health checks on their way; undefined where none goes through the data plane. */
  readonly prober: P | undefined;
  /** The services as they are now; the plan has them as they were at the start. */
  readonly live: LiveServices;
  /** Ticks of the programs' clock in a second. */
  readonly ticksPerSecond: number;
  /** Maps as they were made: what a successor takes over. */
  readonly made: MadeMaps;
  /**
   * Where there was a data plane before: packets no longer come to its programs. What these did while this one was made
   * goes over.
   */
  completeSuccession(): void;
}

/** The longest that packets of unknown flows wait for the rest of copied tables, should this process die meanwhile. */
const HOLD_SECONDS = 15;

/** A host whose programs are of a more special kind than the contract's. */
export interface HostOf<P extends BpfProgram> extends BpfHost {
  loadProgram(spec: ProgramSpec, maps: ReadonlyMap<string, BpfMap>): P;
}

/** Compiles one of the data plane's programs for a shape, over these maps. */
export type CompileFor = (program: typeof balancer, definitions: BalancerMaps, shape: BalancerShape) => ProgramSpec;

export const compileFor: CompileFor = (program, definitions, shape) => compile(program(definitions, shape));

/** How a data plane is made. */
export interface DataplaneOptions extends Pick<Ground, "sourceTowards"> {
  /** For those who make many of few shapes: gives what `compileFor` would give. */
  readonly compileFor?: CompileFor;
  /** Measured unless given, as under a manual clock. */
  readonly ticksPerSecond?: number;
  /** The tick that it is, under a manual clock. */
  readonly now?: number;
  /** The data plane before this one, whose connections go on; it stays open. */
  readonly former?: Former | undefined;
}

/** Makes everything real on `host`; without `sourceTowards` tunnels have no address to begin at. */
export function createDataplane<P extends BpfProgram>(
  host: HostOf<P>,
  wanted: Plan,
  options: DataplaneOptions = {},
): Dataplane<P> {
  using cleanup = new DisposableStack();
  using rate = options.ticksPerSecond === undefined ? new TickRate(host) : manualRate(options);
  const { former } = options;
  const heritage = former === undefined ? [] : readHeritage(former);
  const plan = former === undefined ? wanted : keepRoom(wanted, heritage, former);
  const { shape } = plan;
  const carriage = former && cleanup.use(new Carriage(host, former));
  const made = makeMaps(host, shape, cleanup, carriage?.make);
  const built = carriage?.hasCopies === true ? holding(shape) : shape;
  const { compileFor: compiled = compileFor } = options;
  const load = (spec: ProgramSpec): P => cleanup.use(host.loadProgram(spec, made.byName));
  const [program, reaping] = [balancer, reaper].map((of) => compiled(of, made.definitions, built)).map(load);
  if (program === undefined || reaping === undefined) throw new Error("two programs were compiled");
  const probing = hasFeature(shape, "probes") ? load(compiled(prober, made.definitions, shape)) : undefined;
  const ticksPerSecond = rate.perSecond();
  const { sourceTowards } = options;
  const ground = {
    ...{ host, made, shape, ticksPerSecond, reaper: reaping },
    ...(sourceTowards !== undefined && { sourceTowards }),
  };
  const live = cleanup.use(new LiveServices(ground, plan.settings));
  const { services, arrival } = plan;
  live.together(() => {
    if (former !== undefined) live.inherit(heritage, services, { arrival, room: roomOf(former) });
    else for (const { servers, ...definition } of services) live.addService(definition, servers, { arrival });
  });
  if (built !== shape) live.hold(rate.now() + HOLD_SECONDS * ticksPerSecond);
  const owned = cleanup.move();
  let forOtherHook: P | undefined;
  const programFor = (hook: "xdp" | "tc"): P => {
    if (hook === (shape.hook ?? "xdp")) return program;
    if (forOtherHook === undefined) {
      const other = compiled(balancer, made.definitions, { ...built, hook });
      forOtherHook = owned.use(host.loadProgram(other, made.byName));
    }
    return forOtherHook;
  };
  return {
    plan,
    programFor,
    maps: made.live,
    program,
    reaper: reaping,
    prober: probing,
    live,
    ticksPerSecond,
    made,
    completeSuccession: () => {
      carriage?.finish();
      if (built !== shape) live.hold(0);
      live.completeSuccession();
    },
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/** The shape of a program to which packets come while its tables lack what the former program wrote last. */
function holding(shape: BalancerShape): BalancerShape {
  return { ...shape, features: [...shape.features, "holdsUnknown"] };
}

function roomOf({ maps }: Former): Room {
  const entriesOf = (name: string) => maps.get(name)?.description.maxEntries ?? 0;
  return { services: entriesOf("service_loads"), destinations: entriesOf("loads") };
}

function manualRate({
  ticksPerSecond = 0,
  now = 0,
}: DataplaneOptions): Pick<TickRate, "perSecond" | "now"> & Disposable {
  return { perSecond: () => ticksPerSecond, now: () => now, [Symbol.dispose]: () => undefined };
}
