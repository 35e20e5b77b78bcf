// Checks of which packets services are for: that each says so in one way, that no two say the same, that marks lead
// somewhere. Overlapping prefixes are no fault: the longest that fits decides.
import type { FamilyName } from "@yardmaster/dataplane";
import { formatAddress, type Prefix } from "@yardmaster/packet";
import { type Protocol, protocols } from "../model/virtual-service.ts";
import { checkAddress } from "./check-address.ts";
import { placeName } from "./explain.ts";
import { quoteValue } from "./fault.ts";
import { fields } from "./fields.ts";
import type { MatchOutline, Outline, ServiceOutline } from "./outline.ts";
import { PortClaims } from "./port-claims.ts";
import type { Path, Source } from "./source.ts";
import { networkText } from "./values.ts";

/** Reports faults of what packets are matched by. */
export function checkMatches(outline: Outline, source: Source): void {
  const claims = new Claims(source);
  for (const rule of outline.marks) {
    for (const { path, value } of rule.addresses) checkAddress(path, value, source);
    claims.add(rule, protocolsOf(rule));
  }
  for (const service of outline.services) {
    checkKeys(service, source);
    for (const { path, value } of service.addresses) checkAddress(path, value, source);
    checkFamilies(service, source);
    if (service.keys.has("mark")) checkMark(service, outline.marks, source);
    else claims.add(service, service.keys.has("protocol") ? definite(service.protocol) : ["tcp"]);
  }
  checkMarksAreUsed(outline, source);
}

/** The family of a service's addresses; one that is known by a mark has its servers'. Undefined if none can be read. */
export function familyOfService({ addresses, servers }: ServiceOutline): FamilyName | undefined {
  const [first] = addresses;
  if (first !== undefined) return familyOfPrefix(first.value);
  const server = servers?.find(({ address }) => address !== undefined)?.address;
  return server === undefined ? undefined : server.includes(":") ? "ipv6" : "ipv4";
}

function familyOfPrefix({ address }: Prefix): FamilyName {
  return address.length === 4 ? "ipv4" : "ipv6";
}

/** The protocols of a rule; of one that names none, all. */
function protocolsOf({ keys, protocol }: MatchOutline): readonly Protocol[] {
  return keys.has("protocol") ? definite(protocol) : protocols;
}

function definite(protocol: Protocol | undefined): readonly Protocol[] {
  return protocol === undefined ? [] : [protocol];
}

function checkKeys({ path, name, keys }: ServiceOutline, source: Source): void {
  const isMarked = keys.has("mark");
  const extra = isMarked ? ["address", "addresses", "port", "protocol"] : keys.has("address") ? ["addresses"] : [];
  for (const key of extra.filter((each) => keys.has(each))) {
    source.errorAtKey([...path, key], {
      code: "YM_CONFIG_MATCH",
      message: `service ${quoteValue(name)} has both ${isMarked ? '"mark"' : '"address"'} and ${quoteValue(key)}`,
      hint: isMarked ? "which packets get the mark is written under director.marks" : "write them all under addresses",
    });
  }
  if (isMarked) return;
  const missing = (key: "address" | "port") => {
    const message = `service ${quoteValue(name)} has no ${quoteValue(key)}`;
    source.errorAtKey([...path, key], {
      code: "YM_CONFIG_MISSING",
      message,
      hint: fields[`services.*.${key}`].meaning,
    });
  };
  if (!keys.has("address") && !keys.has("addresses")) missing("address");
  if (!keys.has("port")) missing("port");
}

function checkFamilies({ name, addresses }: ServiceOutline, source: Source): void {
  const [first, ...rest] = addresses;
  if (first === undefined) return;
  const other = rest.find(({ value }) => familyOfPrefix(value) !== familyOfPrefix(first.value));
  if (other === undefined) return;
  source.errorAt(other.path, {
    code: "YM_CONFIG_FAMILY",
    message: `service ${quoteValue(name)} mixes families: ${networkText(first.value)}, ${networkText(other.value)}`,
    hint: "write one service for each family",
  });
}

function checkMark(service: ServiceOutline, rules: readonly MatchOutline[], source: Source): void {
  const { mark } = service;
  if (mark === undefined) return;
  const family = familyOfService(service);
  const path = [...service.path, "mark"];
  const own = rules.filter((rule) => rule.mark === mark);
  const hint = `add { mark: ${mark}, address: …, port: … } to director.marks`;
  if (own.length === 0) {
    source.errorAt(path, { code: "YM_CONFIG_MARK", message: `no packet gets mark ${mark}`, hint });
  } else if (family !== undefined && !own.some(({ addresses }) => hasFamily(addresses, family))) {
    const [has, lacks] = family === "ipv4" ? ["IPv4", "IPv6"] : ["IPv6", "IPv4"];
    const message = `mark ${mark} is for ${lacks} packets only, and the servers are ${has}`;
    source.errorAt(path, { code: "YM_CONFIG_FAMILY", message, hint });
  }
}

/** Whether an address of that family is among these; an address that cannot be read might be. */
function hasFamily(addresses: MatchOutline["addresses"], family: FamilyName): boolean {
  return addresses.length === 0 || addresses.some(({ value }) => familyOfPrefix(value) === family);
}

/** One service for each mark and family, and none of them without packets or without a service. */
function checkMarksAreUsed({ marks, services }: Outline, source: Source): void {
  const owners = new Map<string, ServiceOutline>();
  for (const service of services) {
    if (service.mark === undefined) continue;
    const identity = `mark ${service.mark}, ${familyOfService(service) === "ipv6" ? "IPv6" : "IPv4"}`;
    const twin = owners.get(identity);
    if (twin === undefined) owners.set(identity, service);
    else source.errorAtKey(service.path, sameAs(service, twin, identity, source));
  }
  const used = new Set(services.map(({ mark }) => mark));
  for (const { path, mark } of marks) {
    if (mark === undefined || used.has(mark)) continue;
    source.warnAt([...path, "mark"], {
      code: "YM_CONFIG_MARK",
      message: `no service has mark ${mark}: its packets are left alone`,
      hint: `write a service with mark: ${mark}, or remove the entry`,
    });
  }
}

function sameAs({ name }: ServiceOutline, twin: ServiceOutline, identity: string, source: Source) {
  const first = `${quoteValue(twin.name)} on ${source.lineOfKey(twin.path)}`;
  return {
    code: "YM_CONFIG_DUPLICATE_SERVICE",
    message: `service ${quoteValue(name)} is the same as ${first}: ${identity}`,
    hint: "put their servers into one service, or change one's address, port or protocol",
  };
}

/** Who claims which ports of which prefix. */
class Claims {
  readonly #source: Source;
  readonly #byPrefix = new Map<string, PortClaims<Path>>();

  constructor(source: Source) {
    this.#source = source;
  }

  add({ path, addresses, ports }: MatchOutline, claimed: readonly Protocol[]): void {
    if (ports === undefined && !this.#meansAllPorts(path)) return;
    for (const { value: prefix } of addresses) {
      for (const protocol of claimed) {
        const identity = `${protocol} ${formatAddress(prefix.address)}/${prefix.length}`;
        const known = this.#byPrefix.get(identity) ?? new PortClaims<Path>();
        this.#byPrefix.set(identity, known);
        const clash = known.claim(ports ?? "any", path);
        if (clash === undefined) continue;
        this.#report(
          path,
          clash.owner,
          `${protocol} ${networkText(prefix)} ${clash.port === "any" ? "any port" : `port ${clash.port}`}`,
        );
        return;
      }
    }
  }

  /** Whether the place is one that stands for all ports where it names none. */
  #meansAllPorts(path: Path): boolean {
    return path[0] === "director" && this.#source.valueAt([...path, "port"]) === undefined;
  }

  #report(path: Path, owner: Path, what: string): void {
    const other = `which ${placeName(owner)} on ${this.#source.lineOfKey(owner)} has`;
    const isTwice = owner === path;
    this.#source.errorAtKey(path, {
      code: "YM_CONFIG_DUPLICATE_SERVICE",
      message: `${placeName(path)} claims ${what}${isTwice ? " twice" : `, ${other}`}`,
      hint: isTwice
        ? "remove one of the two"
        : path[0] === "director"
          ? "a packet has one mark: change one's address, port or protocol"
          : "put their servers into one service, or change one's address, port or protocol",
    });
  }
}
