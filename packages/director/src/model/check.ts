// Health checks as people ask for them: what is sent to a server, what it must answer, how often, and what becomes of a
// server that does not. Plain data; what runs them is in health/.

/** The kinds of checks by the words that people write. */
export const checkKinds = ["tcp", "tls", "http", "https", "dns", "udp", "grpc", "command"] as const;

/** A kind of check. */
export type CheckKind = (typeof checkKinds)[number];

/** Kinds that need no parameters, so that the word alone is a check. */
export const plainCheckKinds = ["tcp", "tls", "http", "https", "grpc"] as const satisfies readonly CheckKind[];

/**
 * The way that a check takes: `vip` as a client's packets, through the data plane to the service's address on the
 * server, `direct` to the server's own address.
 */
export const checkWays = ["vip", "direct"] as const;

/** A value of `via`. */
export type CheckWay = (typeof checkWays)[number];

/** What becomes of a server that fails: its connections go on (`drain`), or it is removed as if by hand (`cut`). */
export const downActions = ["drain", "cut"] as const;

/** A value of `onDown`. */
export type DownAction = (typeof downActions)[number];

/** Methods of HTTP checks. */
export const httpMethods = ["GET", "HEAD", "OPTIONS"] as const;

/** DNS record types that a check can ask for (RFC 1035 §3.2.2, RFC 3596, RFC 2782): their numbers. */
export const dnsTypes = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33 } as const;

/** A word of those. */
export type DnsType = keyof typeof dnsTypes;

/** DNS response codes (RFC 1035 §4.1.1) by their mnemonics: their numbers. */
export const dnsCodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

/** A word of those. */
export type DnsCode = keyof typeof dnsCodes;

/** Text that must be in an answer, or a regular expression (JavaScript's, without flags) that it must match. */
export type Pattern = { readonly contains: string } | { readonly matches: string };

/** HTTP status codes from the first to the last, both included. */
export interface StatusRange {
  readonly first: number;
  readonly last: number;
}

/** How the server's certificate is looked at. */
export interface TlsSettings {
  /** What the client asks for (SNI, RFC 6066 §3), and what the certificate must be for if it is verified. */
  readonly serverName: string | undefined;
  /** True: it must be valid, by the machine's authorities. */
  readonly verify: boolean;
}

/** A request of HTTP/1.1 and what the answer must be. */
export interface HttpSettings {
  readonly method: (typeof httpMethods)[number];
  readonly path: string;
  /** The Host header; undefined: the server's address and port. */
  readonly host: string | undefined;
  /** Sent as well. */
  readonly headers: Readonly<Record<string, string>>;
  readonly status: readonly StatusRange[];
  /** What must be in the first 64 KiB of the body; undefined: it is not read. */
  readonly body: Pattern | undefined;
}

/** What is sent and what must come back. */
export type Probe =
  /** A connection can be opened. */
  | { readonly kind: "tcp" }
  /** And a TLS handshake made on it. */
  | ({ readonly kind: "tls" } & TlsSettings)
  | ({ readonly kind: "http" } & HttpSettings)
  | ({ readonly kind: "https" } & HttpSettings & TlsSettings)
  /** Over UDP. `answer`: text of a record that must be among the answers. */
  | {
      readonly kind: "dns";
      readonly name: string;
      readonly type: DnsType;
      readonly rcode: DnsCode;
      readonly answer: string | undefined;
    }
  /** A datagram. Without `expect` silence is good, and only an ICMP error is not. `send` in hexadecimal digits. */
  | { readonly kind: "udp"; readonly send: string; readonly expect: Pattern | undefined }
  /** grpc.health.v1.Health/Check, over HTTP/2 with prior knowledge, or over TLS. */
  | ({ readonly kind: "grpc"; readonly service: string; readonly tls: boolean } & TlsSettings)
  /** A program that must end with status 0; it gets the server's address and port in its environment. */
  | { readonly kind: "command"; readonly command: readonly [string, ...string[]] };

/** A check, complete with defaults. */
export interface HealthCheck {
  readonly probe: Probe;
  readonly via: CheckWay;
  /** Undefined: the server's. */
  readonly port: number | undefined;
  /** From the beginning of one to the beginning of the next. */
  readonly intervalMs: number;
  /** Up to so much earlier than the interval says, at random, so that checks do not march in step. */
  readonly jitterMs: number;
  readonly timeoutMs: number;
  /** Good answers in a row that bring a server up, and bad ones that take it down. */
  readonly rise: number;
  readonly fall: number;
  /** Whether clients' handshakes that fail bring the next attempt forward. */
  readonly takesHints: boolean;
}

/** What is checked of a service's servers, and what follows. */
export interface ServiceHealth {
  /** Of servers that have none of their own; a server is up when all are good. */
  readonly checks: readonly HealthCheck[];
  readonly onDown: DownAction;
  /** Weight of the servers that must be up together; with less, the sorry server is used. */
  readonly quorum: number;
}

/** What is not written. */
export const checkDefaults = { intervalMs: 2_000, timeoutMs: 1_000, rise: 2, fall: 3 } as const;

/** Without `jitter`: a tenth of the interval. */
export function defaultJitterMs(intervalMs: number): number {
  return Math.floor(intervalMs / 10);
}

/** A check in a few words: `http GET /health`, `dns A example.org`. */
export function probeText(probe: Probe): string {
  switch (probe.kind) {
    case "tcp":
    case "tls":
    case "udp":
      return probe.kind;
    case "http":
    case "https":
      return `${probe.kind} ${probe.method} ${probe.path}`;
    case "dns":
      return `dns ${probe.type} ${probe.name}`;
    case "grpc":
      return probe.service === "" ? "grpc" : `grpc ${probe.service}`;
    case "command":
      return `command ${probe.command[0]}`;
  }
}
