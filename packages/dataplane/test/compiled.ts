// From a plan to programs: the shape that it asks for, and the specifications compiled for a shape.

import { compile, type MapSpec, type ProgramSpec } from "@yardmaster/ebpf";
import { addressWords, macBytes, toHex } from "@yardmaster/packet";
import {
  balancer,
  type BalancerMaps,
  balancerMaps,
  type BalancerShape,
  type FamilyName,
  type FeatureName,
  featureNames,
  type MethodName,
  prober,
  reaper,
} from "../src/index.ts";
import { type BalancerPlan, director, endpointsOf, type ServicePlan } from "./plan.ts";

/** A shape's maps and programs. Each program is compiled when it is first asked for: most tests ask for one. */
export class Compiled {
  readonly maps: BalancerMaps;
  readonly #shape: BalancerShape;
  readonly #specs = new Map<typeof balancer, ProgramSpec>();

  constructor(shape: BalancerShape) {
    this.#shape = shape;
    this.maps = balancerMaps(shape);
  }

  get balancerSpec(): ProgramSpec {
    return this.#specOf(balancer);
  }

  get reaperSpec(): ProgramSpec {
    return this.#specOf(reaper);
  }

  get proberSpec(): ProgramSpec {
    return this.#specOf(prober);
  }

  #specOf(program: typeof balancer): ProgramSpec {
    const found = this.#specs.get(program);
    if (found !== undefined) return found;
    const spec = compile(program(this.maps, this.#shape));
    this.#specs.set(program, spec);
    return spec;
  }
}

/** By shape: equal shapes give equal programs, and compiling takes longer than most tests. */
const known = new Map<string, Compiled>();

/** The programs for a shape, with the definitions of their maps. */
export function compiled(shape: BalancerShape): Compiled {
  const key = JSON.stringify({ ...shape, macs: shape.macs.map(toHex) });
  const made = known.get(key) ?? new Compiled(shape);
  known.set(key, made);
  return made;
}

/** The family of an address. */
export function familyOf(address: string): FamilyName {
  return addressWords(address).length === 1 ? "ipv4" : "ipv6";
}

/** Whether any destination with this method is of another family than its service. */
function mixes({ address: own, destinations }: ServicePlan, method: MethodName): boolean {
  return destinations.some((of) => of.method === method && familyOf(of.address) !== familyOf(own));
}

/** What a plan's services and settings make use of. */
function featuresOf({ services, settings }: BalancerPlan): FeatureName[] {
  const destinations = services.flatMap((service) => service.destinations);
  const uses: Partial<Record<FeatureName, boolean>> = {
    thresholds: destinations.some(({ upperThreshold }) => upperThreshold !== undefined),
    persistence: services.some(({ persistence }) => persistence !== undefined),
    onePacket: services.some(({ onePacket }) => onePacket === true),
    caps: services.some(({ newPerSecond, halfOpenMaximum }) => newPerSecond ?? halfOpenMaximum),
    mssClamp: settings?.mssClamp !== undefined,
    dropPackets: settings?.dropRate !== undefined,
    mixedFamilies: services.some((service) => mixes(service, "tun")),
    translatedFamilies: services.some((service) => mixes(service, "fullnat")),
    tunnelSources: destinations.some(({ tunnel }) => tunnel?.spreadBits !== undefined),
    tunnelChecksums: destinations.some(({ tunnel }) => tunnel?.hasChecksum === true),
  };
  return featureNames.filter((name) => uses[name] === true);
}

/** What a plan needs compiled in. */
export function shapeOf(plan: BalancerPlan): BalancerShape {
  const used = plan.services.flatMap(({ destinations }) => destinations.map(({ method = "nat" }) => method));
  const count = plan.services.reduce((sum, { destinations }) => sum + destinations.length, 0);
  const tunnels = plan.services.flatMap(({ destinations }) => destinations.filter(({ method }) => method === "tun"));
  const endpoints = plan.services.flatMap(endpointsOf);
  // Servers behind full NAT answer in their own family.
  const answering = plan.services.flatMap(({ destinations }) =>
    destinations.filter(({ method }) => method === "fullnat"),
  );
  const families = new Set([...endpoints, ...answering].map(({ address }) => familyOf(address)));
  return {
    families: families.size === 0 ? ["ipv4"] : [...families].sort(),
    activeCost: 256,
    features: featuresOf(plan),
    schedulers: [...new Set(plan.services.map(({ scheduler = "rr" }) => scheduler))],
    methods: used.length === 0 ? ["nat"] : [...new Set(used)],
    encapsulations: [...new Set(tunnels.map(({ tunnel }) => tunnel?.encapsulation ?? "ipip"))].sort(),
    macs: (plan.macs ?? [director.mac]).map((mac) => macBytes(mac)),
    maximumConnections: plan.maximumConnections ?? 1024,
    maximumServices: Math.max(endpoints.length, 1),
    maximumDestinations: Math.max(count, 1),
    maximumMembers: plan.maximumMembers ?? 16,
    ...(plan.sendBack !== undefined && { sendBack: plan.sendBack }),
    clock: "manual",
    ...plan.shape,
  };
}

/** The definitions of a program's maps, without the templates of inner ones. */
export function specsOf({ inner: _inner, Service: _type, ipv4, ipv6, ...common }: BalancerMaps): MapSpec[] {
  const definitions = [common, ipv4, ipv6].flatMap((maps) => Object.values(maps)) as { readonly spec: unknown }[];
  return definitions.map(({ spec }) => spec as MapSpec);
}
