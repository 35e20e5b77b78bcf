// A real_server block of keepalived → an entry of `servers`.
import { formatAddress, tryParseAddress } from "@yardmaster/packet";
import type { CheckDocument, EncapsulationDocument, IpvsMethod, ServerDocument } from "../document.ts";
import type { Origin } from "../imported.ts";
import { checksOf, type CheckerDefaults, isChecker, type Report } from "./checkers.ts";
import type { Statement } from "./statements.ts";
import { portOf } from "./virtual-addresses.ts";

/** What a real server has of its virtual server. */
export interface ServerDefaults extends CheckerDefaults {
  readonly method: Method | undefined;
  readonly weight: string | undefined;
  /** It quiesces what fails. */
  readonly inhibits: boolean;
  /** Of the service, 0 for all: servers behind methods that map no ports have no other. */
  readonly port: number;
}

/** A forwarding method with its tunnel. */
export interface Method {
  readonly forwarding: IpvsMethod;
  readonly encapsulation?: EncapsulationDocument;
}

/** A real server and what becomes of it when it fails. */
export interface RealServer {
  readonly document: ServerDocument;
  readonly inhibits: boolean;
}

const methods: Readonly<Record<string, IpvsMethod>> = { NAT: "nat", DR: "dr", TUN: "tun" };

const reasons: Readonly<Record<string, string>> = {
  notify_up: "no programs are run when a server comes or goes",
  notify_down: "no programs are run when a server comes or goes",
  smtp_alert: "no mail is sent",
  alpha: "a server counts as up until its first check",
  warmup: "first checks are spread by themselves (jitter)",
  log_all_failures: "the last exchanges of each check are kept anyway",
  snmp_name: "there is no SNMP",
  delay_before_retry: "a check is tried again after its interval",
};

/** The words after `lvs_method`: `TUN type gue port 6080 nocsum`; undefined where it is none of IPVS's. */
export function methodOf(words: readonly string[]): Method | undefined {
  const forwarding = methods[words[0]?.toUpperCase() ?? ""];
  if (forwarding !== "tun") return forwarding === undefined ? undefined : { forwarding };
  const after = (word: string) => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined);
  const checksum = words.includes("csum") && { checksum: true };
  switch (after("type")) {
    case undefined:
    case "ipip":
      return { forwarding };
    case "gre":
      return { forwarding, encapsulation: checksum === false ? "gre" : { gre: checksum } };
    case "gue": {
      const port = portOf(after("port"));
      return { forwarding, encapsulation: { gue: { ...(port !== undefined && port > 0 && { port }), ...checksum } } };
    }
    default:
      return undefined;
  }
}

/** Reads a block; undefined where there is no address, which `report` is told. */
export function realServerOf(statement: Statement, defaults: ServerDefaults, report: Report): RealServer | undefined {
  const [, addressText = "", portText] = statement.words;
  const bytes = tryParseAddress(addressText);
  const port = portOf(portText);
  if (bytes === undefined || port === undefined) {
    report(statement.origin, `"${statement.words.slice(1).join(" ").slice(0, 60)}" is no address with a port`);
    return undefined;
  }
  const block = new ServerBlock(statement, defaults, report);
  const method = block.method ?? defaults.method;
  const mapsPorts = method?.forwarding === "nat";
  if (!mapsPorts && port !== 0 && defaults.port !== 0 && port !== defaults.port) {
    report(statement.origin, `port ${port}: ${method?.forwarding ?? "dr"} changes no ports, the service's is used`);
  }
  const own = block.method?.forwarding === defaults.method?.forwarding ? undefined : block.method?.forwarding;
  return {
    document: {
      address: formatAddress(bytes),
      ...(mapsPorts && port !== 0 && port !== defaults.port && { port }),
      weight: block.weight,
      ...(own !== undefined && { forwarding: own }),
      ...(method?.encapsulation !== undefined && { encapsulation: method.encapsulation }),
      ...block.thresholds,
      ...(block.checks.length > 0 && { checks: block.checks }),
    },
    inhibits: block.inhibits,
  };
}

class ServerBlock {
  weight: number;
  method: Method | undefined;
  inhibits = false;
  readonly thresholds: { upperThreshold?: number; lowerThreshold?: number } = {};
  readonly checks: CheckDocument[] = [];
  readonly #report: Report;

  constructor(statement: Statement, defaults: ServerDefaults, report: Report) {
    this.#report = report;
    this.inhibits = defaults.inhibits;
    this.weight = wholeNumber(defaults.weight, 65_535) ?? 1;
    const block = statement.block ?? [];
    const text = (word: string) => block.findLast(({ words }) => words[0] === word)?.words[1];
    const own: CheckerDefaults = {
      ...defaults,
      ...present("delayLoop", text("delay_loop")),
      ...present("retry", text("retry")),
      ...present("connectTimeout", text("connect_timeout")),
      ...present("virtualHost", text("virtualhost")),
    };
    for (const each of block) {
      if (isChecker(each.words[0] ?? "")) this.checks.push(...checksOf(each, own, report));
      else this.#setting(each);
    }
  }

  #setting({ words, origin }: Statement): void {
    const [word = "", value] = words;
    const number = wholeNumber(value, 65_535);
    switch (word) {
      case "weight":
        if (number === undefined) this.#report(origin, "the weight is no number, 0–65535");
        else this.weight = number;
        return;
      case "lvs_method":
      case "lb_kind":
        this.method = methodOf(words.slice(1));
        if (this.method === undefined) this.#report(origin, "the method is none of NAT, DR, TUN");
        return;
      case "uthreshold":
        this.#threshold("upperThreshold", value, origin);
        return;
      case "lthreshold":
        this.#threshold("lowerThreshold", value, origin);
        return;
      case "inhibit_on_failure":
        this.inhibits = isOn(value);
        return;
      case "delay_loop":
      case "connect_timeout":
      case "retry":
      case "virtualhost":
        return;
      default:
        this.#report(origin, reasonOf(word));
    }
  }

  #threshold(name: "upperThreshold" | "lowerThreshold", value: string | undefined, origin: Origin): void {
    const number = wholeNumber(value, 67_108_864);
    if (number === undefined) this.#report(origin, "the threshold is no number of connections");
    else this.thresholds[name] = number;
  }
}

function reasonOf(word: string): string {
  return (Object.hasOwn(reasons, word) ? reasons[word] : undefined) ?? "servers have no such setting";
}

/** keepalived's BOOL; a word alone is true. */
export function isOn(value: string | undefined): boolean {
  return value === undefined || ["on", "true", "yes", "1"].includes(value.toLowerCase());
}

/** A number of digits, at most so much. */
export function wholeNumber(text: string | undefined, maximum: number): number | undefined {
  const value = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : maximum + 1;
  return value <= maximum ? value : undefined;
}

/** An entry of an object, where there is a value. */
export function present<Key extends string, Value>(key: Key, value: Value | undefined): { [Name in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [Name in Key]?: Value });
}
