// Reads out of the maps of the former data plane which services and destinations its connections know, and by which
// places.

import {
  Destination,
  destinationFlags,
  encapsulations,
  families,
  type FamilyName,
  Identity,
  methods,
  type SchedulerName,
  schedulerNames,
  schedulers,
  SPREAD_SHIFT,
} from "@yardmaster/dataplane";
import { converter, type JsOf, type Layout } from "@yardmaster/ebpf";
import { addressText, familyOf } from "../address.ts";
import { DirectorError } from "../errors.ts";
import type { Heritage, InheritedDestination } from "../live/inherited.ts";
import { claimOf, rulesOf } from "../live/reply-claims.ts";
import { protocolNumbers, type ServiceDefinition } from "../live/service.ts";
import { defaultEncapsulation, type Encapsulation } from "../model/encapsulation.ts";
import type { Destination as DestinationDefinition } from "../model/virtual-service.ts";
import type { Former, FormerMap } from "./former-maps.ts";
import { definitionOf } from "./placeholder.ts";

const familyOfDigit: Readonly<Record<number, FamilyName>> = { 4: "ipv4", 6: "ipv6" };

/** The services of a former data plane. Throws a DirectorError (YM_SUCCESSION_STATE) where its maps make no sense. */
export function readHeritage(former: Former): Heritage {
  const rules = readRules(former);
  const destinations = destinationsByService(former);
  return arrayOf(former, "identities", Identity).flatMap(({ family: digit, text, scheduler }, index) => {
    if (digit === 0) return [];
    const family = familyOfDigit[digit];
    const identity = new TextDecoder().decode(text).replace(/\0+$/, "");
    const definition = family && definitionOf(identity, family);
    if (family === undefined || definition === undefined) throw senseless(former, `service ${index} is "${identity}"`);
    const placed = destinations.get(index) ?? [];
    return {
      ...{ index, identity, definition, scheduler: schedulerOf(scheduler) },
      destinations: placed.map((one) => inherited(former, one, { definition, rules })),
    };
  });
}

type DestinationRecord = JsOf<typeof Destination>;
type Placed = DestinationRecord & { readonly index: number };

/** What the destinations of one service are read with. */
interface Owner {
  readonly definition: ServiceDefinition;
  readonly rules: ReadonlySet<string>;
}

function inherited(former: Former, record: Placed, { definition: service, rules }: Owner) {
  const { index, address, flags, port, method, weight, upperThreshold, lowerThreshold } = record;
  const forwarding = Object.values(methods).find(({ code }) => code === method)?.name;
  if (forwarding === undefined) throw senseless(former, `destination ${index} has the forwarding method ${method}`);
  const text = addressText(address, (flags & destinationFlags.isIpv6) === 0 ? "ipv4" : "ipv6");
  const definition: DestinationDefinition = {
    ...{ address: text, port, weight, forwarding, upperThreshold, lowerThreshold },
    ...(forwarding === "tun" && { encapsulation: encapsulationOf(record) }),
  };
  const claim = { ...claimOf(service, { index, definition }), hasRule: false, isRelied: true };
  const isRelied = rulesOf([claim]).some((rule) =>
    rules.has(ruleText(text, { ...rule, protocol: protocolNumbers[rule.protocol] })),
  );
  return { index, definition, lastWeight: weight, isRelied } satisfies InheritedDestination;
}

function encapsulationOf({ encapsulation, flags, tunnelPort }: Placed): Encapsulation {
  const code = encapsulation & ((1 << SPREAD_SHIFT) - 1);
  const checksum = (flags & destinationFlags.tunnelChecksum) !== 0;
  switch (Object.values(encapsulations).find((one) => one.code === code)?.name) {
    case "gue":
      return { kind: "gue", port: tunnelPort, checksum };
    case "gre":
      return { kind: "gre", checksum };
    default:
      return defaultEncapsulation;
  }
}

function destinationsByService(former: Former): ReadonlyMap<number, readonly Placed[]> {
  const placed = arrayOf(former, "destinations", Destination).map((record, index) => ({ ...record, index }));
  return Map.groupBy(
    placed.filter(({ method }) => method !== 0),
    ({ service }) => service,
  );
}

/** The rules that replies are told by: see ruleText. */
function readRules(former: Former): ReadonlySet<string> {
  const found = Object.values(families).flatMap(({ name, digit, ServiceKey, ReplyRule }) => {
    const map = former.maps.get(`reply_rules${digit}`);
    if (map === undefined) return [];
    const key = reader(former, map, "key", ServiceKey);
    const value = reader(former, map, "value", ReplyRule);
    return [...map.map.entries()].map(([keyBytes, valueBytes]) => {
      const server = key(keyBytes);
      const rule = { port: server.port, protocol: server.protocol, service: value(valueBytes) };
      return ruleText(addressText(server.address, name), rule);
    });
  });
  return new Set(found);
}

interface RuleKey {
  readonly port: number;
  readonly protocol: number;
  readonly service: { readonly address: readonly number[]; readonly port: number };
}

function ruleText(server: string, { port, protocol, service }: RuleKey): string {
  return `${server} ${port} ${protocol} > ${addressText(service.address, familyOf(server))} ${service.port}`;
}

interface Readable<T> {
  readonly layout?: Layout;
  decode(bytes: Uint8Array): T;
}

function reader<T>(former: Former, { description }: FormerMap, part: "key" | "value", type: Readable<T>) {
  const convert = type.layout && converter(description[part], type.layout);
  if (convert === undefined) {
    throw new DirectorError(
      "YM_SUCCESSION_LAYOUT",
      `taking over from version ${former.version}: this version does not understand its map "${description.name}"`,
      { hint: "yardmaster down ends the former director and its connections; then start again" },
    );
  }
  return (bytes: Uint8Array): T => type.decode(convert(bytes));
}

/** All values of an array. */
function arrayOf<T>(former: Former, name: string, type: Readable<T>): readonly T[] {
  const map = former.maps.get(name);
  if (map === undefined) throw senseless(former, `the map "${name}" is missing`);
  const read = reader(former, map, "value", type);
  return [...map.map.entries()].map(([, value]) => read(value));
}

function schedulerOf(code: number): SchedulerName {
  return schedulerNames.find((name) => schedulers[name].code === code) ?? "rr";
}

function senseless({ version }: Former, what: string): DirectorError {
  return new DirectorError("YM_SUCCESSION_STATE", `taking over from version ${version}: ${what}`, {
    hint: "yardmaster down ends the former director and its connections; then start again",
  });
}
