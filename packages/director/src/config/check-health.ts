// Faults of health checks that a schema does not see: a check without a kind or with several, two ways to say the same,
// a port that nothing tells, settings that rest on each other.
import { type CheckKind, checkKinds } from "../model/check.ts";
import { singlePort } from "../model/ports.ts";
import { quoteValue } from "./fault.ts";
import { orList } from "./fields.ts";
import type { Outline, ServerOutline, ServiceOutline } from "./outline.ts";
import type { Path, Source } from "./source.ts";

/** Reports them. */
export function checkHealth({ services }: Outline, source: Source): void {
  for (const service of services) {
    for (const owner of [service, ...(service.servers ?? [])]) {
      checkOwner(owner, source);
      for (const place of placesOf(owner, source)) checkWay(place, service, source);
    }
    for (const server of service.servers ?? []) checkPort(server, service, source);
    checkFollowing(service, source);
  }
}

/** A service or a server. */
type Owner = Pick<ServiceOutline | ServerOutline, "path" | "keys">;

/** Where the checks of a service or a server stand. */
function placesOf({ path: owner, keys }: Owner, source: Source): readonly Path[] {
  // Most of a hundred thousand servers have none of their own.
  if (!keys.has("check") && !keys.has("checks")) return [];
  const list = source.valueAt([...owner, "checks"]);
  const entries = Array.isArray(list) ? list.map((_, index) => [...owner, "checks", index]) : [];
  return source.valueAt([...owner, "check"]) === undefined ? entries : [[...owner, "check"], ...entries];
}

function checkOwner(owner: Owner, source: Source): void {
  const has = (key: string) => owner.keys.has(key) && source.valueAt([...owner.path, key]) !== undefined;
  if (has("check") && has("checks")) {
    const message = "check and checks say the same: one check, or a list of them";
    source.errorAtKey([...owner.path, "check"], {
      ...{ code: "YM_CONFIG_CHECK", message },
      hint: "move the check into the list",
    });
  }
  for (const place of placesOf(owner, source)) checkCheck(place, source);
}

function checkCheck(place: Path, source: Source): void {
  const kinds = kindsAt(place, source);
  if (kinds === undefined) return;
  if (kinds.length === 0) {
    const hint = `write a kind: ${orList(checkKinds)}, such as tcp: {}`;
    source.errorAt(place, { code: "YM_CONFIG_CHECK", message: "the check says not what is checked", hint });
  } else if (kinds.length > 1) {
    const message = `the check names both ${kinds.join(" and ")}`;
    const hint = "write checks: a list with one for each; the server is up when all are good";
    source.errorAt(place, { code: "YM_CONFIG_CHECK", message, hint });
  }
  const udp = source.valueAt([...place, "udp"]);
  if (isMap(udp) && Object.hasOwn(udp, "send") && Object.hasOwn(udp, "sendHex")) {
    const hint = "keep one of them";
    source.errorAtKey([...place, "udp", "sendHex"], {
      ...{ code: "YM_CONFIG_CHECK", message: "send and sendHex say the same in two ways", hint },
    });
  }
}

/** What goes through the data plane is packets to an address of the service. */
function checkWay(place: Path, { keys, name }: ServiceOutline, source: Source): void {
  const via = [...place, "via"];
  if (source.valueAt(via) !== "vip") return;
  const isCommand = kindsAt(place, source)?.includes("command") === true;
  if (!isCommand && !keys.has("mark")) return;
  const message = isCommand
    ? "a command cannot be sent through the data plane: its packets are its own"
    : `service ${quoteValue(name)} is known by a mark: it has no address that a check could go to`;
  const hint = "remove via, or write via: direct: the check goes to the server's own address";
  source.errorAt(via, { code: "YM_CONFIG_CHECK_WAY", message, hint });
}

/** The kinds that a check names; undefined: it is no map, which the schema says, or the word of a kind. */
function kindsAt(place: Path, source: Source): readonly CheckKind[] | undefined {
  const check = source.valueAt(place);
  return isMap(check) ? checkKinds.filter((kind) => Object.hasOwn(check, kind)) : undefined;
}

/** A server that gets packets on the ports that clients use has none to be checked on. */
function checkPort(server: ServerOutline, service: ServiceOutline, source: Source): void {
  const { path, ownPort, isPortKnown } = server;
  const isMarked = service.keys.has("mark");
  if (!isPortKnown || ownPort !== undefined || (service.ports === undefined && !isMarked)) return;
  if (service.ports !== undefined && singlePort(service.ports) !== undefined) return;
  const own = placesOf(server, source);
  const isOwn = own.length > 0 || source.valueAt([...path, "checks"]) !== undefined;
  for (const place of isOwn ? own : placesOf(service, source)) {
    const kinds = kindsAt(place, source) ?? [];
    if (kinds.includes("command") || source.valueAt([...place, "port"]) !== undefined) continue;
    source.errorAt(place, {
      code: "YM_CONFIG_CHECK_PORT",
      message: `service ${quoteValue(service.name)} has no single port: which one is checked?`,
      hint: "write the check's port, as in { tcp: {}, port: 80 }",
    });
  }
}

/** What follows from checks follows from nothing where there are none. */
function checkFollowing(service: ServiceOutline, source: Source): void {
  const owners = [service, ...(service.servers ?? [])];
  if (owners.some((owner) => placesOf(owner, source).length > 0)) return;
  for (const key of ["onDown", "quorum", "sorryServer"].filter((each) => service.keys.has(each))) {
    source.errorAtKey([...service.path, key], {
      code: "YM_CONFIG_CHECK",
      message: `${key} says what follows from checks, and service ${quoteValue(service.name)} has none`,
      hint: `add a check, such as check: tcp, or remove ${key}`,
    });
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
