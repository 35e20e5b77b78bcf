// What stands at the interfaces for one configuration: a data plane with its programs attached. Made whole, beside the
// one that it takes over from, or not at all.

import { isDeepStrictEqual } from "node:util";
import { createKernelHost, type KernelProgram } from "@yardmaster/ebpf/kernel";
import { withRouteSocket } from "@yardmaster/linux";
import { createLinuxNetwork } from "./checks/linux-network.ts";
import { modesFor } from "./kernel/attach.ts";
import type { Attachments } from "./kernel/attachments.ts";
import { createDataplane, type Dataplane } from "./kernel/dataplane.ts";
import { assertForwarding, type ChosenInterfaces, chooseInterfaces } from "./kernel/interfaces.ts";
import { readKernelPorts } from "./kernel/kernel-ports.ts";
import { expectWork } from "./engine.ts";
import type { Report } from "./log/report.ts";
import type { Configuration } from "./model/configuration.ts";
import { usualTableSize } from "./model/scheduler.ts";
import type { VirtualService } from "./model/virtual-service.ts";
import { lackOf, onlyWeightsDiffer } from "./plan/covers.ts";
import { arrivalUnder, inListOrder, plan } from "./plan/plan.ts";
import { liveSettings } from "./plan/settings.ts";
import { NextHops } from "./reconcile/neighbours.ts";
import { sourceTowards } from "./reconcile/tunnel-sources.ts";
import { Hints } from "./status/hints.ts";
import type { Former } from "./succession/former-maps.ts";
import type { Instance } from "./succession/instance.ts";
import { dropFormerGenerations, pinGeneration } from "./succession/pins.ts";

/** Entries read with one call. */
const READ_BATCH = 4096;

/** So many are as much work as one of what else is expected (engine.ts). */
const SLOTS_PER_THING = 16;

/** A configuration at work. */
export interface Standing extends Disposable {
  readonly configuration: Configuration;
  readonly dataplane: Dataplane<KernelProgram>;
  readonly nextHops: NextHops;
  readonly hints: Hints;
}

/** What is to be at work. */
export interface Wanted {
  /** With everything that must be possible without another program. */
  readonly configuration: Configuration;
  /** What runs of it now. */
  readonly services: readonly VirtualService[];
}

/** What a configuration is put to work with. */
export interface Surroundings extends Wanted {
  readonly version: string;
  readonly report: Report;
  /** What keeps it beyond this process; undefined: nothing does. */
  readonly instance: Instance | undefined;
  readonly attachments: Attachments;
  /** The data plane whose connections go on. */
  readonly former: Former | undefined;
  /** Completes a data plane before packets come to it. */
  readonly complete: (dataplane: Dataplane<KernelProgram>) => void;
}

/** Puts a configuration to work. Whatever fails, the former one goes on as it was. */
export function bringUp(surroundings: Surroundings): Standing {
  const { configuration, report, former } = surroundings;
  using owned = new DisposableStack();
  const interfaces = chooseInterfaces(configuration.director.interfaces);
  const { macs, sendBack } = interfaces;
  const isAllTc = interfaces.attach.every((link) => modesFor(link, configuration.director.hook)[0] === "tc");
  const hook = isAllTc ? "tc" : "xdp";
  const planned = {
    ...plan(configuration, macs, { sendBack, hook, kernelPorts: readKernelPorts() }),
    services: inListOrder(surroundings.services, configuration.director),
  };
  assertForwarding(interfaces.attach, planned.shape.families);
  expectWork(slotsOf(planned.services) / SLOTS_PER_THING);
  const made = withRouteSocket(() => createDataplane(createKernelHost(), planned, { former, sourceTowards }));
  const dataplane = owned.use(made);
  fillVlans(dataplane, interfaces);
  surroundings.complete(dataplane);
  const nextHops = new NextHops(serverAddresses(configuration), report);
  takeOver(dataplane, interfaces, surroundings);
  const hints = new Hints(configuration.director, createLinuxNetwork);
  const kept = owned.move();
  return { configuration, dataplane, nextHops, hints, [Symbol.dispose]: () => kept.dispose() };
}

/** Slots of all tables that schedulers compute ahead. */
function slotsOf(services: readonly VirtualService[]): number {
  return services.reduce((sum, { scheduler, tableSize }) => sum + (tableSize ?? usualTableSize(scheduler) ?? 0), 0);
}

/** Why a configuration cannot be put to work in what stands; undefined: it can. */
export function lackFor({ configuration: before, dataplane }: Standing, after: Configuration): string | undefined {
  if (onlyWeightsDiffer(before, after)) return undefined;
  for (const name of ["interfaces", "hook"] as const) {
    if (!isDeepStrictEqual(before.director[name], after.director[name])) return `director.${name}`;
  }
  const { macs, sendBack } = chooseInterfaces(after.director.interfaces);
  return lackOf(dataplane.plan.shape, plan(after, macs, { sendBack }).shape);
}

/** Puts a configuration to work in what stands already. Whatever fails, the one before goes on. */
export function change(standing: Standing, { configuration, services }: Wanted): Standing {
  const { live } = standing.dataplane;
  const before = live.settings;
  const isSame = isDeepStrictEqual(standing.configuration.director, configuration.director);
  if (!isSame) live.setSettings(liveSettings(configuration.director, readKernelPorts()));
  try {
    refresh(standing, services, configuration);
  } catch (error) {
    if (!isSame) live.setSettings(before);
    throw error;
  }
  if (isSame && onlyWeightsDiffer(standing.configuration, configuration)) return { ...standing, configuration };
  standing.nextHops.follow(serverAddresses(configuration));
  const hints = new Hints(configuration.director, createLinuxNetwork);
  return { ...standing, configuration, hints };
}

/** Makes these the services that run. Whatever fails, those before go on. */
export function refresh(
  { dataplane: { live } }: Standing,
  services: readonly VirtualService[],
  { director }: Configuration,
): void {
  live.reconcile(inListOrder(services, director), { arrival: arrivalUnder(director) });
}

/** Has packets come to a new data plane instead of the former one. */
function takeOver(
  dataplane: Dataplane<KernelProgram>,
  interfaces: ChosenInterfaces,
  { configuration, version, report, instance, attachments, former }: Surroundings,
): void {
  const generation = instance && pinGeneration(instance.directory, dataplane.made, version);
  try {
    const change = attachments.put(dataplane, interfaces.attach, configuration.director.hook);
    try {
      generation?.makeCurrent();
    } catch (error) {
      change.undo();
      throw error;
    }
    change.settle();
  } catch (error) {
    generation?.discard();
    throw error;
  }
  dataplane.completeSuccession();
  if (instance !== undefined) dropFormerGenerations(instance.directory);
  if (former === undefined) return;
  const connections = countEntries(dataplane);
  const entries = connections === 1 ? "entry" : "entries";
  report(`taken over from version ${former.version}: ${connections} ${entries} of the connection table carried over`, {
    ...{ event: "takenOver", level: "notice", connections },
  });
}

function countEntries({ maps, plan: { shape } }: Dataplane): number {
  let entries = 0;
  for (const family of shape.families) {
    for (const batch of maps[family].connections.batches(READ_BATCH)) entries += batch.count;
  }
  return entries;
}

function serverAddresses(configuration: Configuration): string[] {
  return configuration.services.flatMap(({ servers }) => servers.map(({ address }) => address));
}

/** Routes over VLAN interfaces lead to a tag on the interface below. */
function fillVlans({ maps }: Dataplane, { vlans }: ChosenInterfaces): void {
  for (const { index, linkIndex, vlanId } of vlans) {
    if (linkIndex === undefined || vlanId === undefined) continue;
    maps.vlanDevices.update({ ifindex: index }, { ifindex: linkIndex, vlan: vlanId, reserved: 0 });
  }
}
