// What health checks may hold: fields of `check` and of the entries of `checks`, of a service and of a server.
import { checkWays, dnsCodes, type DnsCode, type DnsType, dnsTypes, httpMethods } from "../model/check.ts";
import { choice, duration, type Field, group, integer, text } from "./field.ts";

/** Shortest and longest interval and timeout. */
const pace = { minimum: 10, maximum: 86_400_000 } as const;
/** Jitter may be nothing. */
const spread = { minimum: 0, maximum: pace.maximum } as const;
const keysOf = <Key extends string>(record: Readonly<Record<Key, unknown>>) => Object.keys(record) as [Key, ...Key[]];
const example = "such as tcp, or { http: { path: /health } }";

const tls = {
  serverName: text("text", "the name that the certificate is for"),
  verify: text("flag", "whether the certificate must be valid: true or false"),
};
const http = {
  method: choice(httpMethods, "what is asked"),
  path: text("path", "what is asked for: a path such as /health"),
  host: text("text", "the Host header: a name such as example.org"),
  headers: group("map", "headers that are sent as well: { X-Check: yardmaster }"),
  "headers.*": text("text", "the header's value: text"),
  status: text("statuses", "HTTP status codes: a number, a list such as [200, 204], or a range such as 200-299"),
  body: text("pattern", "what the body must have: text, or { matches: REGULAR EXPRESSION }"),
  "body.matches": text("expression", "a regular expression, such as 'status\": *\"ok'"),
};
const kinds = {
  tcp: {},
  tls,
  http,
  https: { ...http, ...tls },
  dns: {
    name: text("domain", "the name that is asked for, such as example.org"),
    type: choice(keysOf<DnsType>(dnsTypes), "a record type"),
    rcode: choice(keysOf<DnsCode>(dnsCodes), "the response code that is good"),
    answer: text("text", "a record that must be in the answer, such as 192.0.2.1"),
  },
  udp: {
    send: text("text", "what is sent: text"),
    sendHex: text("hexadecimal", "what is sent: an even number of hexadecimal digits"),
    expect: text("pattern", "what the answer must have: text, or { matches: REGULAR EXPRESSION }"),
    "expect.matches": text("expression", "a regular expression, such as ^OK"),
  },
  grpc: {
    service: text("text", "the service that is asked about; empty: the server as a whole"),
    tls: text("flag", "whether it speaks TLS: true or false"),
    ...tls,
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Field>>>>;

/** Fields of a check, by their path below it. */
export const checkFieldsBelow = {
  ...below("tcp", kinds.tcp, "a TCP connection: {}"),
  ...below("tls", kinds.tls, "a TLS handshake: { serverName: example.org, verify: true }"),
  ...below("http", kinds.http, "an HTTP request: { path: /health, status: 200 }"),
  ...below("https", kinds.https, "an HTTPS request: { path: /health, status: 200 }"),
  ...below("dns", kinds.dns, "a DNS query: { name: example.org, type: A }"),
  ...below("udp", kinds.udp, "a datagram: { send: ping, expect: pong }"),
  ...below("grpc", kinds.grpc, "gRPC's health protocol: { service: shop }"),
  command: text("words", "a program and its arguments: [/usr/local/bin/check-shop, --fast]; its path is absolute"),
  "command.*": text("text", "text, in quotes where it looks like a number"),
  via: choice(checkWays, "the way to the server"),
  port: integer(1, 65535, "the port to check, 1–65535, where it is not the server's"),
  interval: duration("how often: a duration such as 500ms or 2s", pace),
  timeout: duration("how long an answer may take: a duration such as 500ms or 1s", pace),
  jitter: duration("how much earlier, at random, than the interval says: a duration such as 200ms", spread),
  rise: integer(1, 1000, "good answers in a row that bring a server up, 1–1000"),
  fall: integer(1, 1000, "bad answers in a row that take a server down, 1–1000"),
  hints: text("flag", "whether clients' connections that fail bring checks forward: true or false"),
} as const;

type Below<Name extends string, Fields> = { readonly [Key in Name]: ReturnType<typeof group> } & {
  readonly [Key in keyof Fields & string as `${Name}.${Key}`]: Fields[Key];
};

function below<Name extends string, Fields extends Readonly<Record<string, Field>>>(
  name: Name,
  inner: Fields,
  meaning: string,
): Below<Name, Fields> {
  const entries = Object.entries(inner).map(([key, field]) => [`${name}.${key}`, field]);
  return { [name]: group("map", meaning), ...Object.fromEntries(entries) } as Below<Name, Fields>;
}

/** What `check` holds: one of the kinds, or the kind's word alone. */
export const checkField = text(
  "check",
  "tcp, tls, http, https, grpc, or a map: { http: { path: / } }, or with dns, udp, command",
);
/** What `checks` holds. */
export const checksField = group("list", `a list of checks, each ${example}; [] for none`);

/** Fields of the checks of what stands at a path. */
export function checkFields(owner: string): Readonly<Record<string, Field>> {
  const at = (place: string) =>
    Object.fromEntries(Object.entries(checkFieldsBelow).map(([key, field]) => [`${place}.${key}`, field]));
  return {
    [`${owner}.check`]: checkField,
    ...at(`${owner}.check`),
    [`${owner}.checks`]: checksField,
    [`${owner}.checks.*`]: checkField,
    ...at(`${owner}.checks.*`),
  };
}
