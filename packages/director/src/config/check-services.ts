// Checks that look at several places of the file at once and need nothing but the file: duplicates, settings
// that do not go together. Which packets services are for: check-matches.ts; what methods cannot do: check-methods.ts.
import {
  offersTableSizes,
  optionsOf,
  type Scheduler,
  schedulers,
  serversFor,
  slotsFor,
  startsSlowly,
  usualTableSize,
} from "../model/scheduler.ts";
import { parseAddress } from "@yardmaster/packet";
import { singlePort } from "../model/ports.ts";
import { checkAddress } from "./check-address.ts";
import { checkHealth } from "./check-health.ts";
import { checkProbeNetworks } from "./check-probe-networks.ts";
import { checkMatches, familyOfService } from "./check-matches.ts";
import { checkMethods } from "./check-methods.ts";
import { quoteValue } from "./fault.ts";
import { orList } from "./fields.ts";
import type { Outline, ServerOutline, ServiceOutline } from "./outline.ts";
import type { Source } from "./source.ts";
import { networkText } from "./values.ts";

/** Reports faults between the places of a file. */
export function checkServices(outline: Outline, source: Source): void {
  checkInterfaces(outline, source);
  checkMatches(outline, source);
  checkMethods(outline, source);
  checkHealth(outline, source);
  checkProbeNetworks(outline, source);
  for (const service of outline.services) {
    checkSettings(service, source);
    checkSlowStart(service, source);
    if (service.servers?.length === 0) {
      const message = `service ${quoteValue(service.name)} has no servers: nobody answers its clients`;
      const hint = "add servers, or remove the service";
      source.warnAt([...service.path, "servers"], { code: "YM_CONFIG_NO_SERVERS", message, hint });
    }
    const servers = new Map<string, ServerOutline>();
    const own = new Set(service.addresses.map(({ value }) => networkText(value)));
    for (const server of service.servers ?? []) {
      checkServerAddress(server, own, source);
      checkThresholds(server, source);
      checkTwin(server, service, servers, source);
    }
  }
}

function checkInterfaces(outline: Outline, source: Source): void {
  const seen = new Set<string>();
  for (const { path, value } of outline.interfaces) {
    if (seen.has(value)) {
      const message = `interface ${quoteValue(value)} is listed twice`;
      source.errorAt(path, { code: "YM_CONFIG_DUPLICATE_INTERFACE", message, hint: "remove one of the two" });
    }
    seen.add(value);
  }
}

/** The port that packets of the service have; undefined where there are several, or it cannot be read. */
function portOf({ ports }: ServiceOutline): number | undefined {
  return ports === undefined ? undefined : singlePort(ports);
}

function checkSettings(service: ServiceOutline, source: Source): void {
  checkSchedulerSettings(service, source);
  const { path, netmask } = service;
  const isTcp = !service.keys.has("mark") && (service.protocol ?? "tcp") === "tcp";
  if (service.isOnePacket && isTcp) {
    source.errorAtKey([...path, "onePacket"], {
      code: "YM_CONFIG_ONE_PACKET",
      message: "onePacket is for udp: the packets of a TCP connection belong together",
      hint: "remove onePacket, or write protocol: udp",
    });
  }
  if (service.hasHalfOpenCap && service.protocol === "udp") {
    source.errorAtKey([...path, "caps", "halfOpen"], {
      code: "YM_CONFIG_CAP",
      message: "udp has no half-open connections to cap",
      hint: "remove halfOpen; newPerSecond caps udp, too",
    });
  }
  if (netmask !== undefined && netmask.value > 32 && familyOfService(service) === "ipv4") {
    const message = `netmask ${netmask.value} is longer than the 32 bits of an IPv4 address`;
    source.errorAt(netmask.path, { code: "YM_CONFIG_NETMASK", message, hint: "write 1–32, such as 24" });
  }
}

/** It goes by weights: a scheduler must heed them, and a weight of 1 cannot be divided. */
function checkSlowStart({ path, name, scheduler, slowStart, servers = [] }: ServiceOutline, source: Source): void {
  if (slowStart === 0 || scheduler === undefined) return;
  const at = [...path, "slowStart"];
  if (!startsSlowly(scheduler)) {
    source.errorAt(at, {
      code: "YM_CONFIG_SLOW_START",
      message: `slowStart has no effect with scheduler ${scheduler}: it does not go by growing weights`,
      hint: `remove slowStart, or take ${orList(schedulers.filter(startsSlowly))}`,
    });
  } else if (servers.length > 0 && servers.every(({ weight = 1 }) => weight < 2)) {
    source.warnAt(at, {
      code: "YM_CONFIG_SLOW_START",
      message: `slowStart of ${quoteValue(name)} has no steps to take: weights are whole numbers, these are 1`,
      hint: "write larger weights, such as 100 for each server",
    });
  }
}

function checkSchedulerSettings(service: ServiceOutline, source: Source): void {
  const { scheduler, schedulerOptions } = service;
  if (scheduler === undefined) return;
  const known = optionsOf(scheduler);
  for (const option of schedulerOptions.filter(({ value }) => !known.includes(value))) {
    const owners = schedulers.filter((name) => optionsOf(name).includes(option.value));
    source.errorAt(option.path, {
      code: "YM_CONFIG_SCHEDULER_OPTION",
      message: `scheduler ${scheduler} has no option ${quoteValue(option.value)}`,
      hint: `${known.length === 0 ? "it has none" : `it has ${orList(known)}`}${owned(owners)}`,
    });
  }
  checkTableSize(service, scheduler, source);
}

function checkTableSize({ path, tableSize, servers = [] }: ServiceOutline, scheduler: Scheduler, source: Source): void {
  if (!offersTableSizes(scheduler)) {
    if (tableSize === undefined) return;
    source.errorAt([...path, "tableSize"], {
      code: "YM_CONFIG_SCHEDULER_OPTION",
      message: `scheduler ${scheduler} has no table whose size could be chosen`,
      hint: `remove tableSize, or take ${orList(schedulers.filter(offersTableSizes))}`,
    });
    return;
  }
  const slots = tableSize ?? usualTableSize(scheduler) ?? 0;
  const better = slotsFor(scheduler, servers.length);
  if (tableSize !== undefined && !isPrime(tableSize)) {
    source.errorAt([...path, "tableSize"], {
      code: "YM_CONFIG_RANGE",
      message: `tableSize ${tableSize} is no prime`,
      hint: "only with a prime does every server come by every slot: 4093, 65537 …",
    });
  } else if (better !== undefined && servers.length > serversFor(scheduler, slots)) {
    source.warnAt([...path, tableSize === undefined ? "servers" : "tableSize"], {
      code: "YM_CONFIG_TABLE_SIZE",
      message: `${servers.length} servers are many for ${slots} slots: when one leaves, more clients move than need to`,
      hint: `write tableSize: ${better}`,
    });
  }
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}

function owned(owners: readonly string[]): string {
  return owners.length === 0 ? "" : `; ${orList(owners)} has this one`;
}

function checkTwin(
  { path, address, ownPort, isPortKnown }: ServerOutline,
  service: ServiceOutline,
  seen: Map<string, ServerOutline>,
  source: Source,
): void {
  if (address === undefined || !isPortKnown) return;
  const port = ownPort ?? portOf(service);
  const host = address.includes(":") ? `[${address}]` : address;
  const identity = port === undefined ? address : `${host}:${port}`;
  const twin = seen.get(identity);
  if (twin === undefined) {
    seen.set(identity, { path, address, ownPort, isPortKnown } as ServerOutline);
    return;
  }
  const message = `server ${identity} is already on ${source.lineOf(twin.path)}`;
  const hint = "list a server once; a higher weight gives it more connections";
  source.errorAt(path, { code: "YM_CONFIG_DUPLICATE_SERVER", message, hint });
}

/** `own`: the service's addresses. */
function checkServerAddress({ path, address }: ServerOutline, own: ReadonlySet<string>, source: Source): void {
  if (address === undefined) return;
  const at = [...path, "address"];
  const bytes = parseAddress(address);
  checkAddress(at, { address: bytes, length: bytes.length * 8 }, source);
  if (own.has(address)) {
    const message = `server ${address} is the service's own address: packets would come back to the director`;
    const hint = "write the address that the real server itself has";
    source.errorAt(at, { code: "YM_CONFIG_SERVER_IS_SERVICE", message, hint });
  }
}

function checkThresholds({ path, upperThreshold: upper, lowerThreshold: lower }: ServerOutline, source: Source): void {
  if (upper === undefined || lower === undefined || lower <= upper) return;
  source.errorAt([...path, "lowerThreshold"], {
    code: "YM_CONFIG_THRESHOLD",
    message:
      upper === 0
        ? `lowerThreshold ${lower} has no upperThreshold`
        : `lowerThreshold ${lower} is above upperThreshold ${upper}`,
    hint: "a server that has reached the upper threshold gets no connections until it is below the lower one",
  });
}
