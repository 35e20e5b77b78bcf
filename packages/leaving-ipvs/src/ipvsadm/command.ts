// What a command line of ipvsadm means: its options put together, defaults added, and refused as ipvsadm refuses.
// Defaults and rules: ipvsadm(8); texts and statuses: ipvsadm 1.31.
import { formatAddress, tryParseAddress } from "@yardmaster/packet";
import type { IpvsMethod } from "../document.ts";
import { checkOptions, checkTunnelOptions } from "./option-rules.ts";
import {
  endpointText,
  familyOf,
  familyOfKey,
  type IpvsServer,
  type IpvsService,
  netmaskLength,
  type ServiceKey,
  type Tunnel,
} from "./service.ts";
import { IpvsadmRefusal, type OptionName, readWords, usage, type Words } from "./words.ts";

/** What `-L` shows. */
export interface Listing {
  readonly what: "services" | "connections" | "timeouts" | "daemon";
  readonly columns: "usual" | "stats" | "rate" | "thresholds" | "persistent-conn" | "tun-info";
  readonly key: ServiceKey | undefined;
  readonly isNumeric: boolean;
  readonly isExact: boolean;
  readonly isSorted: boolean;
  /** `-c --persistent-conn` has two columns more. */
  readonly hasEngineColumns: boolean;
}

/** What a command asks for. */
export type Command =
  | { readonly kind: "addService" | "editService"; readonly service: IpvsService }
  | { readonly kind: "removeService"; readonly key: ServiceKey }
  | { readonly kind: "clear" }
  | { readonly kind: "addServer" | "editServer"; readonly key: ServiceKey; readonly server: IpvsServer }
  | { readonly kind: "removeServer"; readonly key: ServiceKey; readonly name: string }
  | { readonly kind: "setTimeouts"; readonly timeoutsS: readonly [number, number, number] }
  | { readonly kind: "startDaemon"; readonly role: "master" | "backup"; readonly on: string; readonly syncId: number }
  | { readonly kind: "stopDaemon" | "restore" | "help" | "version" }
  | { readonly kind: "zero"; readonly key: ServiceKey | undefined }
  | { readonly kind: "save"; readonly isNumeric: boolean }
  | { readonly kind: "list"; readonly listing: Listing };

/** What names mean: ports of /etc/services; addresses of hosts. Undefined: nobody knows. */
export interface NameLookup {
  readonly port: (name: string, protocol: "tcp" | "udp") => number | undefined;
  readonly host: (name: string) => string | undefined;
}

/** Knows no names. */
export const noNames: NameLookup = { port: () => undefined, host: () => undefined };

/** ipvsadm(8): seconds of `-p` without a value. */
const DEFAULT_PERSISTENCE_S = 360;
/** ipvsadm's MAX_TIMEOUT: 31 days, in seconds. */
const LONGEST_S = 31 * 86_400;
/** What our servers' weights reach to; the kernel's are of 32 bits. */
const HEAVIEST = 65_535;
const MOST_CONNECTIONS = 67_108_864;

/** Reads a command line (without the program's name). Throws IpvsadmRefusal, as ipvsadm would end. */
export function readCommand(given: readonly string[], names: NameLookup = noNames): Command {
  const words = readWords(given);
  return new CommandReader(words, names).read();
}

class CommandReader {
  readonly #words: Words;
  readonly #names: NameLookup;

  constructor(words: Words, names: NameLookup) {
    this.#words = words;
    this.#names = names;
  }

  read(): Command {
    const { action, rest } = this.#words;
    const taken = action === "set" ? 3 : action === "start-daemon" || action === "stop-daemon" ? 1 : 0;
    if (action === "set" && rest.length < taken) throw usage("--set option requires 3 timeout values");
    const timeoutsS = action === "set" ? rest.slice(0, taken).map((text) => seconds(text, 0)) : [];
    if (rest.length > taken) throw usage(`unexpected argument ${rest[taken]}`);
    // Values are looked at as they come, what they are for afterwards.
    const values = this.#values();
    checkOptions(this.#words);
    switch (action) {
      case "add-service":
      case "edit-service":
        return { kind: action === "add-service" ? "addService" : "editService", service: this.#service(values) };
      case "delete-service":
        return { kind: "removeService", key: this.#neededKey(values) };
      case "clear":
        return { kind: "clear" };
      case "add-server":
      case "edit-server": {
        const [key, server] = this.#server(values);
        return { kind: action === "add-server" ? "addServer" : "editServer", key, server };
      }
      case "delete-server": {
        const key = this.#neededKey(values);
        const { address = "", port } = values.server ?? {};
        return { kind: "removeServer", key, name: endpointText(address, port ?? ("mark" in key ? 0 : key.port)) };
      }
      case "list":
        return { kind: "list", listing: this.#listing(values) };
      case "save":
        return { kind: "save", isNumeric: this.#has("numeric") };
      case "zero":
        return { kind: "zero", key: values.key };
      case "set":
        return { kind: "setTimeouts", timeoutsS: timeoutsS as [number, number, number] };
      case "start-daemon":
        return this.#daemon(rest[0]);
      case "stop-daemon":
        if (rest[0] !== "master" && rest[0] !== "backup") throw usage("illegal start_daemon parameter specified");
        return { kind: "stopDaemon" };
      case "restore":
      case "help":
      case "version":
        return { kind: action };
    }
  }

  #has(name: OptionName): boolean {
    return this.#words.options.has(name);
  }

  #values(): Values {
    const { options } = this.#words;
    const value = (name: OptionName) => options.get(name);
    const mask = value("netmask");
    const key = this.#key();
    return {
      key,
      persistenceS: optional(value("persistent"), (text) => (text === "" ? DEFAULT_PERSISTENCE_S : seconds(text, 1))),
      maskLength: mask === undefined ? undefined : maskOf(mask, key),
      flags: optional(value("sched-flags"), flagsOf),
      server: optional(value("real-server"), (text) => this.#endpoint(text, "tcp", "real server")),
      weight: optional(value("weight"), (text) => number(text, HEAVIEST, "illegal weight specified")),
      upper: optional(value("u-threshold"), (text) => number(text, MOST_CONNECTIONS, "illegal u_threshold specified")),
      lower: optional(value("l-threshold"), (text) => number(text, MOST_CONNECTIONS, "illegal l_threshold specified")),
      tunnel: checkTunnelOptions(options),
    };
  }

  #key(): ServiceKey | undefined {
    const { options } = this.#words;
    const mark = options.get("fwmark-service");
    if (mark !== undefined) {
      const value = /^\d{1,10}$/.test(mark) ? Number(mark) : 0;
      if (value < 1 || value > 0xffff_ffff) throw usage(`invalid fwmark value \`${mark}' specified`);
      return { mark: value, family: this.#has("ipv6") ? "ipv6" : "ipv4" };
    }
    if (options.has("sctp-service")) throw usage("Protocol not supported: sctp");
    const protocol = options.has("tcp-service") ? "tcp" : "udp";
    const text = options.get("tcp-service") ?? options.get("udp-service");
    if (text === undefined) return undefined;
    const { address, port = 0 } = this.#endpoint(text, protocol, "virtual server");
    return { protocol, address, port };
  }

  #neededKey({ key }: Values): ServiceKey {
    if (key === undefined) throw usage("You need to supply the 'service-address' option");
    return key;
  }

  /** `host[:port]`, IPv6 addresses in brackets where a port follows. */
  #endpoint(text: string, protocol: "tcp" | "udp", what: string): Endpoint {
    const illegal = usage(`illegal ${what} address[:port] specified`);
    const isBare = tryParseAddress(text) !== undefined;
    const [, inside, plain, portText] = isBare ? [] : (/^(?:\[([^\]]+)\]|([^:]+))(?::(.+))?$/.exec(text) ?? []);
    const host = isBare ? text : (inside ?? plain);
    if (host === undefined) throw illegal;
    const bytes = tryParseAddress(host) ?? tryParseAddress(this.#names.host(host) ?? "");
    if (bytes === undefined) throw illegal;
    const address = formatAddress(bytes);
    if (portText === undefined) return { address };
    const port = /^\d{1,5}$/.test(portText) ? Number(portText) : (this.#names.port(portText, protocol) ?? 65_536);
    if (port > 65_535) throw illegal;
    return { address, port };
  }

  #service(values: Values): IpvsService {
    const key = this.#neededKey(values);
    const { persistenceS = 0, flags = [], maskLength } = values;
    const onePacket = this.#has("ops");
    if (!("mark" in key)) {
      if (onePacket && key.protocol !== "udp") throw usage("One-Packet Scheduling is only for UDP virtual services");
      if (key.port === 0 && persistenceS === 0) throw usage("Zero port specified for non-persistent service");
    }
    if (this.#has("pe")) throw new IpvsadmRefusal(255, "Scheduler or persistence engine not found");
    const scheduler = this.#words.options.get("scheduler") ?? "wlc";
    return {
      ...{ key, scheduler, persistenceS, onePacket },
      flags: flags.map((flag) => flagName(flag, scheduler)),
      netmaskLength: maskLength ?? netmaskLength(undefined, familyOfKey(key)),
    };
  }

  /** Ports are mapped by NAT only, where the service's is the default; servers of marks have what is given. */
  #server(values: Values): readonly [ServiceKey, IpvsServer] {
    const key = this.#neededKey(values);
    const { address = "", port } = values.server ?? {};
    const mode: IpvsMethod = this.#has("masquerading") ? "nat" : this.#has("ipip") ? "tun" : "dr";
    const isTunnelled = values.tunnel !== undefined;
    if (isTunnelled && mode !== "tun") throw usage("Tunnel options conflict with forward method");
    if (mode !== "tun" && familyOf(address) !== familyOfKey(key)) {
      throw usage("Different address family is allowed only for tunneling servers");
    }
    const isMapped = port !== undefined && (mode === "nat" || "mark" in key);
    const server: IpvsServer = {
      ...{ address, mode },
      port: isMapped ? port : "mark" in key ? 0 : key.port,
      ...(mode === "tun" && { tunnel: values.tunnel ?? ({ kind: "ipip" } satisfies Tunnel) }),
      weight: values.weight ?? 1,
      upper: values.upper ?? 0,
      lower: values.lower ?? 0,
    };
    return [key, server];
  }

  #listing({ key }: Values): Listing {
    const what = this.#has("connection")
      ? "connections"
      : this.#has("timeout")
        ? "timeouts"
        : this.#has("daemon")
          ? "daemon"
          : "services";
    const columns = (["stats", "rate", "thresholds", "persistent-conn", "tun-info"] as const).find((name) =>
      this.#has(name),
    );
    return {
      ...{ what, key },
      columns: columns ?? "usual",
      isNumeric: this.#has("numeric"),
      isExact: this.#has("exact"),
      isSorted: !this.#has("nosort"),
      hasEngineColumns: this.#has("persistent-conn"),
    };
  }

  #daemon(role: string | undefined): Command {
    if (role !== "master" && role !== "backup") throw usage("illegal start_daemon parameter specified");
    const { options } = this.#words;
    const syncId = number(options.get("syncid") ?? "0", 255, "illegal syncid specified");
    return { kind: "startDaemon", role, on: options.get("mcast-interface") ?? "", syncId };
  }
}

/** Values of options, read. */
interface Values {
  readonly key: ServiceKey | undefined;
  readonly persistenceS: number | undefined;
  readonly maskLength: number | undefined;
  readonly flags: readonly string[] | undefined;
  readonly server: Endpoint | undefined;
  readonly weight: number | undefined;
  readonly upper: number | undefined;
  readonly lower: number | undefined;
  readonly tunnel: Tunnel | undefined;
}

interface Endpoint {
  readonly address: string;
  readonly port?: number;
}

function optional<Value>(text: string | undefined, read: (text: string) => Value): Value | undefined {
  return text === undefined ? undefined : read(text);
}

function number(text: string, maximum: number, otherwise: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : maximum + 1;
  if (value > maximum) throw usage(otherwise);
  return value;
}

function seconds(text: string, minimum: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (value < minimum || value > LONGEST_S) throw usage(`invalid timeout value \`${text}' specified`);
  return value;
}

function maskOf(text: string, key: ServiceKey | undefined): number {
  const family = key === undefined ? "ipv4" : familyOfKey(key);
  // Of IPv4 ipvsadm takes an address only: to it, "24" is 0.0.0.24, which nobody means.
  const isForm = family === "ipv6" || text.includes(".");
  try {
    if (isForm) return netmaskLength(text, family);
  } catch {
    // Said below.
  }
  throw usage(
    family === "ipv6" ? "illegal ipv6 netmask specified" : "illegal virtual server persistent mask specified",
  );
}

/** Names of the flags that schedulers have: which of the three they are. */
const flagNumbers: Readonly<Record<string, string>> = {
  "sh-fallback": "flag-1",
  "sh-port": "flag-2",
  "mh-fallback": "flag-1",
  "mh-port": "flag-2",
};

function flagsOf(text: string): readonly string[] {
  const flags = text.split(",").filter((flag) => flag !== "");
  const wrong = flags.find((flag) => !/^flag-[123]$/.test(flag) && !Object.hasOwn(flagNumbers, flag));
  if (wrong !== undefined) throw usage(`invalid scheduler flag \`${wrong}'`);
  return [...new Set(flags)];
}

/** A flag by the name that the scheduler has for it, if it has one. */
function flagName(flag: string, scheduler: string): string {
  const bare = flagNumbers[flag] ?? flag;
  const named = Object.keys(flagNumbers).find((name) => name.startsWith(`${scheduler}-`) && flagNumbers[name] === bare);
  return named ?? bare;
}
