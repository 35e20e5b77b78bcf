// keepalived.conf → services, and everything that is not carried over. Facts: keepalived.conf(5).
import { formatAddress, tryParseAddress } from "@yardmaster/packet";
import type { ServiceDocument } from "../document.ts";
import { type Imported, type ImportedServer, type ImportedService, Names, type NotCarried } from "../imported.ts";
import type { CheckerDefaults, Report } from "./checkers.ts";
import { isOn, type Method, methodOf, present, realServerOf, wholeNumber } from "./real-server.ts";
import { readStatements, type Statement, type StatementOptions } from "./statements.ts";
import { type Groups, matchesOf, portOf, type VirtualMatch } from "./virtual-addresses.ts";

const topReasons: Readonly<Record<string, string>> = {
  vrrp_instance: "addresses are moved between machines by something else: keep keepalived for it",
  vrrp_sync_group: "addresses are moved between machines by something else: keep keepalived for it",
  vrrp_script: "addresses are moved between machines by something else: keep keepalived for it",
  static_ipaddress: "addresses of the machine are set by something else",
  static_routes: "routes of the machine are set by something else",
  global_defs: "settings of keepalived itself (but lvs_timeouts)",
  SSL: "checks over TLS show no certificate of their own",
  bfd_instance: "there is no BFD",
};

const serviceReasons: Readonly<Record<string, string>> = {
  nat_mask: "kernels have not looked at it since 2.4",
  persistence_engine: "there are no persistence engines (SIP)",
  ha_suspend: "checks go on whoever has the address",
  quorum_up: "no programs are run when the quorum is gained or lost",
  quorum_down: "no programs are run when the quorum is gained or lost",
  hysteresis: "the quorum has no hysteresis: rise and fall of the checks dampen",
  alpha: "a server counts as up until its first check",
  omega: "nothing is run when the director ends",
  smtp_alert: "no mail is sent",
  sorry_server_inhibit: "the sorry server is not checked",
  warmup: "first checks are spread by themselves (jitter)",
  snmp_name: "there is no SNMP",
  ip_family: "addresses say of which family a service is",
  delay_before_retry: "a check is tried again after its interval",
};

/** Scheduler flags by keepalived's words; what flag-N means depends on the scheduler (uapi/linux/ip_vs.h). */
const flagNames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  sh: { "flag-1": "sh-fallback", "flag-2": "sh-port", "sh-fallback": "sh-fallback", "sh-port": "sh-port" },
  mh: { "flag-1": "mh-fallback", "flag-2": "mh-port", "mh-fallback": "mh-fallback", "mh-port": "mh-port" },
};
const flagWords = /^(flag-[123]|(sh|mh)-(port|fallback))$/;

/** Reads a keepalived.conf. Throws ImportError where braces do not match. */
export function importKeepalived(text: string, file: string, options: StatementOptions = {}): Imported {
  const { statements, notCarried } = readStatements(text, file, options);
  const missed: NotCarried[] = [...notCarried];
  const report: Report = (origin, why) => void missed.push({ ...origin, why });
  const groups: Groups = new Map(
    statements.filter(({ words }) => words[0] === "virtual_server_group").map((each) => [each.words[1] ?? "", each]),
  );
  const names = new Names();
  const services: ImportedService[] = [];
  const used = new Set<string>();
  const timeouts: Record<string, string> = {};
  for (const statement of statements) {
    const [word = "", kind, group] = statement.words;
    if (word === "virtual_server") {
      if (kind === "group" && group !== undefined) used.add(group);
      services.push(...new VirtualServer(statement, report).servicesFor(matchesOf(statement, groups, report), names));
    } else if (word !== "virtual_server_group") {
      if (word === "global_defs") Object.assign(timeouts, timeoutsOf(statement, report));
      report(statement.origin, (Object.hasOwn(topReasons, word) ? topReasons[word] : undefined) ?? unknownTop(word));
    }
  }
  for (const [name, group] of groups) if (!used.has(name)) report(group.origin, "no virtual_server has this group");
  missed.sort((a, b) => (a.file === b.file ? a.line - b.line : 0));
  return { services, ...(Object.keys(timeouts).length > 0 && { timeouts }), notCarried: missed };
}

const timeoutWords: Readonly<Record<string, string>> = { tcp: "tcp", tcpfin: "tcpFin", udp: "udp" };

/** `lvs_timeouts tcp 7200 udp 30`: some or all of the three. */
function timeoutsOf({ block = [] }: Statement, report: Report): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { words, origin } of block.filter(({ words: [word] }) => word === "lvs_timeouts")) {
    for (let at = 1; at < words.length; at += 2) {
      const name = timeoutWords[words[at] ?? ""];
      const seconds = wholeNumber(words[at + 1], 1_728_000);
      if (name === undefined || seconds === undefined || seconds === 0) {
        report(
          origin,
          `"${words
            .slice(at, at + 2)
            .join(" ")
            .slice(0, 40)}" is no timeout: tcp, tcpfin or udp and seconds`,
        );
      } else found[name] = `${seconds}s`;
    }
  }
  return found;
}

function unknownTop(word: string): string {
  return /^(vrrp|garp|track|static|linkbeat|lvs_sync)/.test(word)
    ? "addresses are moved between machines by something else: keep keepalived for it"
    : "only virtual servers and their groups are carried over";
}

/** One virtual_server block. */
class VirtualServer {
  readonly #statement: Statement;
  readonly #report: Report;
  readonly #settings = new Map<string, Statement>();
  readonly #flags: Statement[] = [];
  readonly #servers: Statement[] = [];

  constructor(statement: Statement, report: Report) {
    this.#statement = statement;
    this.#report = report;
    for (const each of statement.block ?? []) {
      const [word = ""] = each.words;
      if (word === "real_server") this.#servers.push(each);
      else if (flagWords.test(word) || word === "hashed") this.#flags.push(each);
      else if (settingWords.has(word)) this.#set(aliases[word] ?? word, each);
      else {
        const reason = Object.hasOwn(serviceReasons, word) ? serviceReasons[word] : undefined;
        report(each.origin, reason ?? "services have no such setting");
      }
    }
  }

  /** Of settings that stand there twice the last counts, as in keepalived. */
  #set(word: string, statement: Statement): void {
    const before = this.#settings.get(word);
    if (before !== undefined) this.#report(before.origin, `line ${statement.origin.line} says it again: that counts`);
    this.#settings.set(word, statement);
  }

  /** A service for each of the matches; what cannot be carried over is reported once. */
  servicesFor(matches: readonly VirtualMatch[], names: Names): readonly ImportedService[] {
    const protocol = this.#text("protocol")?.toLowerCase() ?? "tcp";
    if (protocol !== "tcp" && protocol !== "udp") {
      this.#report(this.#statement.origin, `there is no ${protocol.slice(0, 20)}: only tcp and udp`);
      return [];
    }
    return matches.map((match, index) => this.#service(match, protocol, names, index === 0 ? this.#report : silent));
  }

  #service(match: VirtualMatch, protocol: string, names: Names, report: Report): ImportedService {
    const method = this.#method(report);
    const port = "mark" in match ? 0 : match.port;
    const defaults: CheckerDefaults = {
      ...present("delayLoop", this.#text("delay_loop")),
      ...present("retry", this.#text("retry")),
      ...present("connectTimeout", this.#text("connect_timeout")),
      ...present("virtualHost", this.#text("virtualhost")),
    };
    const weight = this.#text("weight");
    const isWeight = weight === undefined || wholeNumber(weight, 65_535) !== undefined;
    if (!isWeight) report(this.#settings.get("weight")?.origin ?? this.#statement.origin, "the weight is no number");
    const all = this.#has("inhibit_on_failure");
    const read = this.#servers.flatMap((each) => {
      const server = realServerOf(each, { ...defaults, method, weight, port, inhibits: all }, report);
      return server === undefined ? [] : [{ ...server, origin: each.origin }];
    });
    const servers = read.map(({ document, origin }): ImportedServer => ({ document, origin }));
    const inhibits = read.some((server) => server.inhibits);
    for (const { origin, inhibits: own, document } of inhibits ? read : []) {
      if (own || document.checks === undefined) continue;
      report(
        origin,
        "onDown is of the whole service: as others have inhibit_on_failure, it keeps its connections, too",
      );
    }
    const isChecked = servers.some(({ document }) => document.checks !== undefined);
    const sorryServer = this.#sorryServer(isChecked, port, method, report);
    return {
      name: nameOf(match, protocol, this.#statement, names),
      origin: this.#statement.origin,
      document: {
        ...matchDocument(match, protocol),
        ...this.#scheduling(report),
        forwarding: method?.forwarding ?? "dr",
        ...this.#persistence(report),
        ...this.#onePacket(protocol, report),
        ...(isChecked && { onDown: inhibits ? "drain" : "cut" }),
        ...this.#quorum(isChecked, report),
        servers: [],
      },
      // The kernel puts each new server at the front of its list; keepalived adds them in the order of the file.
      servers: servers.toReversed(),
      ...(sorryServer !== undefined && { sorryServer }),
    };
  }

  #text(word: string): string | undefined {
    return this.#settings.get(word)?.words[1];
  }

  #has(word: string): boolean {
    const statement = this.#settings.get(word);
    return statement !== undefined && isOn(statement.words[1]);
  }

  #onePacket(protocol: string, report: Report): Pick<ServiceDocument, "onePacket"> {
    const statement = this.#settings.get("ops");
    if (statement === undefined || !this.#has("ops")) return {};
    if (protocol === "udp") return { onePacket: true };
    report(statement.origin, "one-packet scheduling is UDP's");
    return {};
  }

  #method(report: Report): Method | undefined {
    const statement = this.#settings.get("lvs_method");
    const method = statement === undefined ? undefined : methodOf(statement.words.slice(1));
    if (method === undefined) {
      const why =
        statement === undefined ? "it names no lvs_method: dr is written" : "the method is none of NAT, DR, TUN";
      report((statement ?? this.#statement).origin, why);
    }
    return method;
  }

  #scheduling(report: Report): Pick<ServiceDocument, "scheduler" | "schedulerOptions"> {
    const scheduler = this.#text("lvs_sched") ?? "wlc";
    const known = Object.hasOwn(flagNames, scheduler) ? flagNames[scheduler] : undefined;
    const schedulerOptions: string[] = [];
    for (const { words, origin } of this.#flags) {
      const name = known?.[words[0] ?? ""];
      if (name === undefined) report(origin, `scheduler ${scheduler.slice(0, 20)} has no such flag`);
      else schedulerOptions.push(name);
    }
    return { scheduler, ...(schedulerOptions.length > 0 && { schedulerOptions }) };
  }

  #persistence(report: Report): Pick<ServiceDocument, "persistence"> {
    const statement = this.#settings.get("persistence_timeout");
    const granularity = this.#settings.get("persistence_granularity");
    if (statement === undefined && granularity === undefined) return {};
    // keepalived.conf(5): six minutes where no number stands there.
    const seconds = wholeNumber(statement?.words[1] ?? "360", 31_536_000);
    if (seconds === undefined) report(statement?.origin ?? this.#statement.origin, "the time is no number of seconds");
    if (seconds === undefined || seconds === 0) return {};
    const netmask = granularity === undefined ? undefined : maskBits(granularity.words[1] ?? "");
    if (granularity !== undefined && netmask === undefined) report(granularity.origin, "this is no netmask");
    return { persistence: netmask === undefined ? `${seconds}s` : { timeout: `${seconds}s`, netmask } };
  }

  #quorum(isChecked: boolean, report: Report): Pick<ServiceDocument, "quorum"> {
    const statement = this.#settings.get("quorum");
    const quorum = wholeNumber(statement?.words[1] ?? "1", 65_535);
    if (quorum === undefined) report(statement?.origin ?? this.#statement.origin, "the quorum is no number, 1–65535");
    if (quorum === undefined || quorum <= 1) return {};
    if (!isChecked && statement !== undefined) report(statement.origin, "no server is checked: all are always up");
    return isChecked ? { quorum } : {};
  }

  #sorryServer(
    isChecked: boolean,
    servicePort: number,
    usual: Method | undefined,
    report: Report,
  ): ImportedService["sorryServer"] {
    const statement = this.#settings.get("sorry_server");
    if (statement === undefined) return undefined;
    const bytes = tryParseAddress(statement.words[1] ?? "");
    const port = portOf(statement.words[2]);
    if (bytes === undefined || port === undefined || !isChecked) {
      report(statement.origin, isChecked ? "this is no address with a port" : "no server is checked: it is never used");
      return undefined;
    }
    const own = this.#settings.get("sorry_server_lvs_method");
    const method = own === undefined ? undefined : methodOf(own.words.slice(1))?.forwarding;
    const mapsPorts = (method ?? usual?.forwarding) === "nat";
    if (!mapsPorts && port !== 0 && servicePort !== 0 && port !== servicePort) {
      report(statement.origin, `port ${port}: ${method ?? usual?.forwarding ?? "dr"} changes no ports`);
    }
    const document = {
      address: formatAddress(bytes),
      ...(port !== 0 && mapsPorts && port !== servicePort && { port }),
      ...(method !== undefined && { forwarding: method }),
    };
    return { document, origin: statement.origin };
  }
}

const aliases: Readonly<Record<string, string>> = { lb_algo: "lvs_sched", lb_kind: "lvs_method" };
const settingWords = new Set([
  ...["delay_loop", "lvs_sched", "lb_algo", "lvs_method", "lb_kind", "persistence_timeout"],
  ...["persistence_granularity", "protocol", "virtualhost", "quorum", "sorry_server", "sorry_server_lvs_method"],
  ...["retry", "connect_timeout", "inhibit_on_failure", "ops", "weight"],
]);

const silent: Report = () => undefined;

function matchDocument(match: VirtualMatch, protocol: string): Partial<ServiceDocument> {
  if ("mark" in match) return { mark: match.mark };
  const [address, ...others] = match.addresses;
  const where = others.length > 0 ? { addresses: match.addresses } : { address: address ?? "" };
  return { ...where, port: match.port === 0 ? "any" : match.port, protocol };
}

function nameOf(match: VirtualMatch, protocol: string, { words }: Statement, names: Names): string {
  if (words[1] === "group") return names.take(words[2] ?? "group", ...("mark" in match ? ["mark", match.mark] : []));
  if ("mark" in match) return names.take("mark", match.mark);
  return names.take(protocol, match.addresses[0] ?? "", match.port === 0 ? "any" : match.port);
}

/** A netmask (IPv4), or a number of bits (IPv6). */
export function maskBits(text: string): number | undefined {
  if (/^\d{1,3}$/.test(text)) return wholeNumber(text, 128) || undefined;
  const bytes = tryParseAddress(text);
  if (bytes?.length !== 4) return undefined;
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return /^1+0*$/.test(bits) ? bits.lastIndexOf("1") + 1 : undefined;
}
