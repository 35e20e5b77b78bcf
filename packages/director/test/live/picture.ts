// What the maps say of services and destinations, as lines that name them instead of indexes: two data planes with the
// same services give the same picture, whatever happened before. Positions and counts are not in it.

import {
  destinationFlags,
  families,
  type FamilyName,
  methods,
  NO_DESTINATION,
  schedulers,
  serviceFlags,
  UDP_PORTS,
} from "@yardmaster/dataplane";
import { addressText, endpointText } from "../../src/address.ts";
import type { LiveMaps } from "../../src/kernel/live-maps.ts";
import type { LiveServices } from "../../src/live/live-services.ts";
import type { ServiceRecord } from "../../src/live/records.ts";
import { endpointOf, identityOf, type LiveService, protocolNumbers } from "../../src/live/service.ts";
import type { RememberingHost } from "../map-dump.ts";

/** Ports read with one call. */
const PORTS_READ = 4096;

type Inner = RememberingHost["inner"];

/** The lines. */
export function pictureOf(live: LiveServices, maps: LiveMaps, inner: Inner): readonly string[] {
  const known = live.services();
  const { removedDestinations } = maps.settings.lookup(0) ?? { removedDestinations: 0 };
  return [
    ...known.flatMap((service) => serviceLines(live, maps, inner, service)),
    ...(["ipv4", "ipv6"] as const).flatMap((family) => [
      ...exactLines(known, maps, family),
      ...wideLines(known, maps, family),
      ...ruleLines(maps, family),
    ]),
    ...(removedDestinations === 0 ? [] : [`${removedDestinations} removed`]),
  ];
}

function nameOf(live: LiveServices, destination: number): string {
  const place = live.ownerOf(destination)?.place;
  return place === undefined ? `destination ${destination}` : endpointOf(place.definition);
}

function serviceLines(live: LiveServices, maps: LiveMaps, inner: Inner, service: LiveService): readonly string[] {
  const identity = identityOf(service.definition);
  const record = maps.serviceRecords.lookup(maps.services.lookup(service.index)?.record ?? 0) as ServiceRecord;
  const listed = record.members.slice(0, record.listedCount);
  const name = ({ destination, weight }: (typeof listed)[number]) => `${nameOf(live, destination)}*${weight}`;
  const removed = listed.slice(record.memberCount).map(({ destination }) => nameOf(live, destination));
  const table = inner
    .get("service_tables")
    ?.get(service.index)
    ?.map(([, slot]) => slot as number);
  return [
    `${identity}: ${attributesText(record)}`,
    `${identity}: ${listed.slice(0, record.memberCount).map(name).join(" ") || "nobody"}`,
    ...(removed.length === 0 ? [] : [`${identity}: removed ${removed.join(" ")}`]),
    ...(table === undefined ? [] : [`${identity}: table ${tableText(live, table)}`]),
    ...[...service.members, ...service.removed].map(({ index }) => `${identity} ${destinationText(live, maps, index)}`),
  ];
}

function attributesText(record: ServiceRecord): string {
  const { options, flags, persistenceTicks, maskBits, newPerSecond, halfOpenMaximum, tableLength } = record;
  const { weightDivisor, highestLevel } = record;
  const name = Object.values(schedulers).find(({ code }) => code === record.scheduler)?.name;
  const set = Object.entries(serviceFlags).flatMap(([flag, bit]) => ((flags & bit) === 0 ? [] : [flag]));
  const numbers = { options, persistenceTicks, maskBits, newPerSecond, halfOpenMaximum, tableLength };
  const shown = Object.entries(numbers).flatMap(([key, value]) => (value === 0 ? [] : [`${key}=${value}`]));
  return [name, ...set, ...shown, `levels ${highestLevel}/${weightDivisor}`].join(" ");
}

/** Its length, its beginning, and how many slots each has. */
function tableText(live: LiveServices, table: readonly number[]): string {
  const name = (slot: number) => (slot === NO_DESTINATION ? "nobody" : nameOf(live, slot));
  const counts = new Map<string, number>();
  for (const slot of table) counts.set(name(slot), (counts.get(name(slot)) ?? 0) + 1);
  const shares = [...counts].map(([who, count]) => `${who} × ${count}`).sort();
  return `of ${table.length}: ${table.slice(0, 3).map(name).join(", ")} …; ${shares.join(", ")}`;
}

function destinationText(live: LiveServices, maps: LiveMaps, index: number): string {
  const record = maps.destinations.lookup(index);
  const identity = live.ownerOf(index)?.place.owner.identity ?? "nobody";
  if (record === undefined) return `${index} is not there`;
  const { address, port, method, flags, weight, upperThreshold, lowerThreshold, service } = record;
  const isSix = address.slice(1).some((word) => word !== 0);
  const set = Object.entries(destinationFlags).flatMap(([flag, bit]) => ((flags & bit) === 0 ? [] : [flag]));
  const thresholds = upperThreshold === 0 ? [] : [`${lowerThreshold}…${upperThreshold}`];
  const name = Object.values(methods).find(({ code }) => code === method)?.name;
  const owner = live.services().find((one) => one.index === service);
  const of = owner === undefined ? [`of ${identity}`] : [];
  const endpoint = endpointText(addressText(address, isSix ? "ipv6" : "ipv4"), port);
  return [endpoint, name, `weight ${weight}`, ...thresholds, ...set, ...of].join(" ");
}

function identityAt(services: readonly LiveService[], index: number): string {
  const found = services.find((service) => service.index === index);
  return found === undefined ? `service ${index}` : identityOf(found.definition);
}

function protocolText(number: number): string {
  return number === protocolNumbers.udp ? "udp" : "tcp";
}

function exactLines(services: readonly LiveService[], maps: LiveMaps, family: FamilyName): readonly string[] {
  return [...maps[family].serviceIndex.entries()]
    .map(([{ address, port, protocol }, { service }]) => {
      const key = `${protocolText(protocol)} ${endpointText(addressText(address, family), port)}`;
      return `${key} → ${identityAt(services, service)}`;
    })
    .sort();
}

function ruleLines(maps: LiveMaps, family: FamilyName): readonly string[] {
  return [...maps[family].replyRules.entries()]
    .map(([{ address, port, protocol }, rule]) => {
      const [from, to] = [endpointText(addressText(address, family), port), addressText(rule.address, family)];
      return `replies ${protocolText(protocol)} ${from} → ${endpointText(to, rule.port)}`;
    })
    .sort();
}

/** Stretches of ports, and where the prefixes of their class lead. */
function wideLines(services: readonly LiveService[], maps: LiveMaps, family: FamilyName): readonly string[] {
  const before = families[family].Prefix.fields.portClass.size * 8;
  const byClass = new Map<number, string[]>();
  for (const [{ prefixLength, data }, { service }] of maps[family].prefixes.entries()) {
    const prefix = `${addressText(data.address, family)}/${prefixLength - before}`;
    const known = byClass.get(data.portClass) ?? [];
    byClass.set(data.portClass, [...known, `${prefix} → ${identityAt(services, service)}`]);
  }
  if (byClass.size === 0) return [];
  const lines: string[] = [];
  let from = 0;
  const classes = classesOf(maps);
  for (const [slot, portClass] of classes.entries()) {
    if (slot + 1 < classes.length && classes[slot + 1] === portClass && slot + 1 !== UDP_PORTS) continue;
    const protocol = slot < UDP_PORTS ? "tcp" : "udp";
    const ports = `${protocol} ${from % UDP_PORTS}–${slot % UDP_PORTS}`;
    lines.push(...(byClass.get(portClass) ?? []).sort().map((entry) => `${ports}: ${entry}`));
    from = slot + 1;
  }
  const used = new Set(classes);
  return [
    ...lines,
    ...[...byClass].flatMap(([number, entries]) => (used.has(number) ? [] : entries.map((e) => `lost: ${e}`))),
  ];
}

/** Class of each port. */
function classesOf({ portClasses }: LiveMaps): readonly number[] {
  const classes: number[] = [];
  const { size } = portClasses.spec.value;
  for (const { count, values } of portClasses.batches(PORTS_READ)) {
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
    for (let at = 0; at < count; at++) classes.push(view.getUint32(at * size, true));
  }
  return classes;
}
