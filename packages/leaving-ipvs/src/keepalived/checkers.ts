// keepalived's checkers → our checks: what is sent, what must come back, how often. Defaults are those of
// keepalived.conf(5) of version 2: a minute between checks, five seconds for an answer, one good answer is enough.
import type { CheckDocument } from "../document.ts";
import type { Origin } from "../imported.ts";
import type { Statement } from "./statements.ts";
import { portOf } from "./virtual-addresses.ts";

/** What of a virtual or real server is the default of its checkers. */
export interface CheckerDefaults {
  readonly delayLoop?: string;
  readonly retry?: string;
  readonly connectTimeout?: string;
  readonly virtualHost?: string;
}

/** Says that something was not carried over. */
export type Report = (origin: Origin, why: string) => void;

/** keepalived's KEEPALIVED_DEFAULT_DELAY and connection timeout, in seconds. */
const DEFAULT_DELAY_S = 60;
const DEFAULT_TIMEOUT_S = 5;
const LONGEST_S = 86_400;
const MOST_RETRIES = 999;
const dnsTypes = new Set(["A", "NS", "CNAME", "SOA", "PTR", "MX", "TXT", "AAAA", "SRV"]);

/** Words of checkers that are understood by `paceOf` or `portOf`. */
const common = new Set([
  "delay_loop",
  "retry",
  "nb_get_retry",
  "connect_port",
  "connect_timeout",
  "delay_before_retry",
  "misc_timeout",
]);

/** Why words that several checkers have are not carried over. */
const reasons: Readonly<Record<string, string>> = {
  connect_ip: "checks go to the server's own address",
  bindto: "checks leave from the address that the route says",
  bind_if: "checks leave by the interface that the route says",
  bind_port: "checks leave from any port",
  fwmark: "packets of checks have no mark",
  warmup: "first checks are spread by themselves (jitter)",
  alpha: "a server counts as up until its first check",
  log_all_failures: "the last exchanges of each check are kept anyway",
  helo_name: "the mail server is not spoken to",
  misc_dynamic: "the exit status does not set the weight",
  user: "commands run as the director does",
  http_protocol: "HTTP/1.1 is spoken",
  tls_compliant: "TLS is always ended as it should be",
  fast_recovery: "write interval and rise",
  min_reply_length: "the length of the answer is not looked at",
  max_reply_length: "the length of the answer is not looked at",
};

const kinds: Readonly<Record<string, (block: CheckerReader) => readonly CheckDocument[]>> = {
  TCP_CHECK: () => [{ tcp: {} }],
  HTTP_GET: (block) => requestsOf(block, "http"),
  SSL_GET: (block) => requestsOf(block, "https"),
  SMTP_CHECK: connectionsOf,
  DNS_CHECK: dnsOf,
  UDP_CHECK: udpOf,
  MISC_CHECK: commandOf,
};

/** Whether a statement is a checker, known or not. */
export function isChecker(word: string): boolean {
  return Object.hasOwn(kinds, word) || /^[A-Z]+_(CHECK|GET)$/.test(word);
}

/** The checks that a checker means: several where it has several URLs, none where there is no like. */
export function checksOf(statement: Statement, defaults: CheckerDefaults, report: Report): readonly CheckDocument[] {
  const [kind = ""] = statement.words;
  const convert = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (convert === undefined) {
    report(statement.origin, `there is no check like ${kind}`);
    return [];
  }
  const reader = new CheckerReader(statement, defaults, report);
  const checks = convert(reader);
  const pace = reader.pace();
  reader.reportRest();
  // A check's own port comes before that of the block.
  return checks.map((check) => ({ ...check, ...pace, ...("port" in check && { port: check["port"] }) }));
}

/** Words of one checker, and which of them were asked for. */
class CheckerReader {
  readonly statement: Statement;
  readonly defaults: CheckerDefaults;
  readonly report: Report;
  readonly #used = new Set<string>(common);

  constructor(statement: Statement, defaults: CheckerDefaults, report: Report) {
    this.statement = statement;
    this.defaults = defaults;
    this.report = report;
  }

  /** All statements of the block that begin with a word. */
  all(word: string): readonly Statement[] {
    this.#used.add(word);
    return (this.statement.block ?? []).filter(({ words }) => words[0] === word);
  }

  /** What stands after a word; of several the last. */
  value(...names: readonly string[]): string | undefined {
    return this.last(...names)
      ?.words.slice(1)
      .join(" ");
  }

  last(...names: readonly string[]): Statement | undefined {
    return names.flatMap((name) => this.all(name)).at(-1);
  }

  pace(): CheckDocument {
    const kind = this.statement.words[0];
    const interval = this.#seconds(this.value("delay_loop") ?? this.defaults.delayLoop, DEFAULT_DELAY_S, "delay_loop");
    const own = this.value("misc_timeout", "connect_timeout");
    const given = own ?? (kind === "MISC_CHECK" ? undefined : this.defaults.connectTimeout);
    const usual = kind === "MISC_CHECK" ? interval : DEFAULT_TIMEOUT_S;
    const timeout = this.#seconds(given, usual, "a timeout");
    const retries = Number(this.value("retry", "nb_get_retry") ?? this.defaults.retry ?? (isRequest(kind) ? 3 : 1));
    const fall = Number.isInteger(retries) && retries >= 0 ? Math.min(retries, MOST_RETRIES) + 1 : 1;
    const port = this.port();
    const delay = this.last("delay_before_retry");
    if (delay !== undefined && fall > 1) this.report(delay.origin, "a check is tried again after its interval");
    return {
      ...(port !== undefined && { port }),
      interval: duration(interval),
      timeout: duration(timeout),
      ...{ rise: 1, fall },
    };
  }

  /** What `connect_port` says; undefined: the server's. */
  port(): number | undefined {
    const statement = this.last("connect_port");
    if (statement === undefined) return undefined;
    const port = portOf(statement.words[1]);
    if (port !== undefined && port > 0) return port;
    this.report(statement.origin, "the port is no number, 1–65535: the server's is asked");
    return undefined;
  }

  reportRest(): void {
    for (const { words, origin } of this.statement.block ?? []) {
      const [word = ""] = words;
      if (!this.#used.has(word)) this.report(origin, reasonFor(word, "checks have no such setting"));
    }
  }

  /** keepalived takes fractions of seconds. */
  #seconds(text: string | undefined, usual: number, what: string): number {
    if (text === undefined) return usual;
    const seconds = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
    if (seconds >= 0.01 && seconds <= LONGEST_S) return seconds;
    this.report(this.statement.origin, `${what} of "${text.slice(0, 40)}" is none: ${usual} s is written`);
    return usual;
  }
}

function reasonFor(word: string, otherwise: string): string {
  return (Object.hasOwn(reasons, word) ? reasons[word] : undefined) ?? otherwise;
}

function isRequest(kind: string | undefined): boolean {
  return kind === "HTTP_GET" || kind === "SSL_GET";
}

function duration(seconds: number): string {
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1000)}ms`;
}

/** Mail servers are not spoken to: a connection to each of the hosts stands for that. */
function connectionsOf(block: CheckerReader): readonly CheckDocument[] {
  block.report(block.statement.origin, "there is no SMTP check: a TCP connection to the same port stands for it");
  const hosts = block.all("host");
  if (hosts.length === 0) return [{ tcp: {} }];
  const ports = hosts.map((host) => {
    const inner = new CheckerReader(host, block.defaults, block.report);
    const port = inner.port();
    inner.reportRest();
    return port;
  });
  return [...new Set(ports)].map((port) => ({ tcp: {}, ...(port !== undefined && { port }) }));
}

/** One check for each URL: the server is up when all are good, as keepalived has it. */
function requestsOf(block: CheckerReader, kind: "http" | "https"): readonly CheckDocument[] {
  const host = block.value("virtualhost") ?? block.defaults.virtualHost;
  const asksForName = kind === "https" && block.all("enable_sni").length > 0;
  const urls = block.all("url");
  if (urls.length === 0) {
    block.report(block.statement.origin, "it names no url: / is asked for");
    return [{ [kind]: { path: "/", ...(host !== undefined && { host }) } }];
  }
  return urls.map((url) => ({ [kind]: requestOf(url, { host, asksForName }, block.report) }));
}

interface RequestDefaults {
  readonly host: string | undefined;
  readonly asksForName: boolean;
}

function requestOf(url: Statement, { host: usual, asksForName }: RequestDefaults, report: Report): CheckDocument {
  let path = "/";
  let host = usual;
  let status: readonly (number | string)[] = [];
  let body: CheckDocument | undefined;
  for (const { words, origin } of url.block ?? []) {
    const [word = "", ...rest] = words;
    const [value = ""] = rest;
    if (word === "path") path = value;
    else if (word === "virtualhost") host = value;
    else if (word === "status_code") status = statusesOf(rest, origin, report);
    else if (word === "regex" && isExpression(value)) body = { body: { matches: value } };
    else report(origin, urlReason(word));
  }
  return {
    path: encoded(path.startsWith("/") ? path : `/${path}`),
    ...(host !== undefined && host !== "" && { host }),
    ...(status.length > 0 && { status: status.length === 1 ? status[0] : status }),
    ...body,
    ...(asksForName && host !== undefined && { serverName: host }),
  };
}

/** keepalived sends what is written; what a request line cannot carry (RFC 9112 §3.2) is percent-encoded here. */
function encoded(path: string): string {
  return path.replaceAll(/[^\x21-\x7e]/gu, (character) =>
    Buffer.from(character)
      .toString("hex")
      .replaceAll(/../g, (byte) => `%${byte.toUpperCase()}`),
  );
}

function urlReason(word: string): string {
  if (word === "digest") return "the digest of the answer is not compared: write body: with text that must be in it";
  if (word === "regex") return "the regular expression is not one of JavaScript's";
  if (word.startsWith("regex_")) return "regular expressions have no options, and look at the first 64 KiB";
  return reasonFor(word, "requests have no such setting");
}

/** JavaScript's expressions are much like those of PCRE2, which keepalived has. */
function isExpression(text: string): boolean {
  try {
    void new RegExp(text);
    return text.length <= 4096;
  } catch {
    return false;
  }
}

function statusesOf(words: readonly string[], origin: Origin, report: Report): readonly (number | string)[] {
  return words.flatMap((word): (number | string)[] => {
    if (/^[1-5]\d\d-[1-5]\d\d$/.test(word)) return [word];
    if (/^[1-5]\d\d$/.test(word)) return [Number(word)];
    report(origin, `"${word.slice(0, 40)}" is no HTTP status`);
    return [];
  });
}

/** It asks for the root's SOA unless it says something else. */
function dnsOf(block: CheckerReader): readonly CheckDocument[] {
  const type = (block.value("type") ?? "SOA").toUpperCase();
  const name = block.value("name") ?? ".";
  if (dnsTypes.has(type)) return [{ dns: { name, type } }];
  block.report(block.statement.origin, `records of type ${type.slice(0, 20)} cannot be asked for`);
  return [];
}

function udpOf(block: CheckerReader): readonly CheckDocument[] {
  const payload = (block.value("payload") ?? "").replaceAll(/\s+|0x/g, "");
  const reply = block.last("require_reply");
  if (reply !== undefined && reply.words.length > 1) block.report(reply.origin, "any answer is good");
  const isHex = /^([0-9a-fA-F]{2})*$/.test(payload);
  if (!isHex) block.report(block.statement.origin, "the payload is no hexadecimal text: an empty datagram is sent");
  return [
    { udp: { ...(isHex && payload !== "" && { sendHex: payload }), ...(reply && { expect: { matches: "^" } }) } },
  ];
}

function commandOf(block: CheckerReader): readonly CheckDocument[] {
  const path = block.last("misc_path");
  const words = path === undefined ? [] : commandWords(path.words.slice(1));
  if (words[0]?.startsWith("/") === true) return [{ command: words }];
  block.report((path ?? block.statement).origin, "a command begins with an absolute path");
  return [];
}

/** A command line in quotes is one word of the file: words of its own, with quotes of a shell's kind. */
function commandWords(words: readonly string[]): readonly string[] {
  if (words.length !== 1) return words;
  const parts = (words[0] ?? "").matchAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|(\S+)/g);
  return [...parts].map(([, single, double, plain]) => single ?? double?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "");
}
