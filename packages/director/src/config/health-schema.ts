// The schema of health checks as people write them, and what it makes of them: checks complete with defaults.
// That a check names one kind, and only that, is looked at afterwards: check-health.ts.
import { z } from "zod";
import {
  checkDefaults,
  type CheckKind,
  checkKinds,
  defaultJitterMs,
  type HealthCheck,
  plainCheckKinds,
  type Probe,
} from "../model/check.ts";
import {
  readDomain,
  readExpression,
  readHexadecimal,
  readPath,
  readPattern,
  readStatuses,
  readText,
  readWords,
} from "./check-values.ts";
import type { TextField } from "./field.ts";
import { checkField, checkFieldsBelow as below, checksField } from "./health-fields.ts";
import { choice, duration, durationOr, flag, integer, meant } from "./zod-fields.ts";

const text = (field: TextField) => meant(z.string(), readText, field);
const expression = (field: TextField) => meant(z.string(), readExpression, field);
const pattern = (field: TextField, matches: TextField) =>
  z
    .union([meant(z.string(), readPattern, field), z.strictObject({ matches: expression(matches) })])
    .describe(field.meaning);
/** What is wrong with an entry is said at the entry. */
const words = (field: TextField, entry: TextField) =>
  meant(
    z
      .array(
        z
          .string()
          .refine((word) => "value" in readText(word))
          .describe(entry.meaning),
      )
      .min(1),
    readWords,
    field,
  );
const code = z.int().min(100).max(599);
const codes = z.string().regex(/^\d{3}-\d{3}$/);
const statuses = (field: TextField) =>
  meant(z.union([code, codes, z.array(z.union([code, codes])).min(1)]), readStatuses, field);

const tls = { serverName: text(below["tls.serverName"]).optional(), verify: flag(below["tls.verify"]).default(false) };
const http = {
  method: choice(below["http.method"]).default("GET"),
  path: meant(z.string(), readPath, below["http.path"]).default("/"),
  host: text(below["http.host"]).optional(),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/), text(below["http.headers.*"]))
    .describe(below["http.headers"].meaning)
    .default({}),
  status: statuses(below["http.status"]).prefault("200-299"),
  body: pattern(below["http.body"], below["http.body.matches"]).optional(),
};
const kinds = {
  tcp: z.strictObject({}).describe(below.tcp.meaning),
  tls: z.strictObject(tls).describe(below.tls.meaning),
  http: z.strictObject(http).describe(below.http.meaning),
  https: z.strictObject({ ...http, ...tls }).describe(below.https.meaning),
  dns: z
    .strictObject({
      name: meant(z.string(), readDomain, below["dns.name"]),
      type: choice(below["dns.type"]).default("A"),
      rcode: choice(below["dns.rcode"]).default("NOERROR"),
      answer: text(below["dns.answer"]).optional(),
    })
    .describe(below.dns.meaning),
  udp: z
    .strictObject({
      send: text(below["udp.send"]).optional(),
      sendHex: meant(z.string(), readHexadecimal, below["udp.sendHex"]).optional(),
      expect: pattern(below["udp.expect"], below["udp.expect.matches"]).optional(),
    })
    .describe(below.udp.meaning),
  grpc: z
    .strictObject({
      service: text(below["grpc.service"]).default(""),
      tls: flag(below["grpc.tls"]).default(false),
      ...tls,
    })
    .describe(below.grpc.meaning),
  command: words(below.command, below["command.*"]),
} as const satisfies Readonly<Record<CheckKind, z.ZodType>>;

const kindSchemas = Object.fromEntries(Object.entries(kinds).map(([kind, schema]) => [kind, schema.optional()])) as {
  readonly [Kind in CheckKind]: z.ZodOptional<(typeof kinds)[Kind]>;
};
const checkMap = z
  .strictObject({
    ...kindSchemas,
    via: choice(below.via).optional(),
    port: integer(below.port).optional(),
    interval: durationOr(below.interval, checkDefaults.intervalMs),
    timeout: durationOr(below.timeout, checkDefaults.timeoutMs),
    jitter: duration(below.jitter).optional(),
    rise: integer(below.rise).default(checkDefaults.rise),
    fall: integer(below.fall).default(checkDefaults.fall),
    hints: flag(below.hints).default(true),
  })
  // For editors; check-health.ts says it in words.
  .meta({ oneOf: checkKinds.map((kind) => ({ required: [kind] })) });
/** One check. */
export const checkSchema = z
  .union([z.enum(plainCheckKinds), checkMap])
  .describe(checkField.meaning)
  .transform((written) => toCheck(typeof written === "string" ? checkMap.parse({ [written]: {} }) : written));

/** A check that may not say its way. */
export type WrittenCheck = Omit<HealthCheck, "via"> & { readonly via: HealthCheck["via"] | undefined };

/** What a service and a server may have. */
export const healthSchemas = {
  check: checkSchema.optional(),
  checks: z.array(checkSchema).describe(checksField.meaning).optional(),
};

/** The way depends on the service. */
function toCheck(written: z.output<typeof checkMap>): WrittenCheck {
  const { via, port, interval: intervalMs, timeout: timeoutMs, jitter, rise, fall, hints: takesHints } = written;
  const jitterMs = Math.min(intervalMs, jitter ?? defaultJitterMs(intervalMs));
  return { probe: toProbe(written), via, port, intervalMs, jitterMs, timeoutMs, rise, fall, takesHints };
}

/** Of several kinds the first; none is none: both are faults that are found later. */
function toProbe(written: z.output<typeof checkMap>): Probe {
  const { tls: handshake, http: plain, https: secure, dns, udp, grpc, command } = written;
  if (handshake !== undefined) return { kind: "tls", ...handshake, serverName: handshake.serverName };
  if (plain !== undefined) return { kind: "http", ...plain, host: plain.host, body: plain.body };
  if (secure !== undefined) {
    return { kind: "https", ...secure, host: secure.host, body: secure.body, serverName: secure.serverName };
  }
  if (dns !== undefined) return { kind: "dns", ...dns, answer: dns.answer };
  if (udp !== undefined) {
    const send = udp.sendHex ?? Buffer.from(udp.send ?? "").toString("hex");
    return { kind: "udp", send, expect: udp.expect };
  }
  if (grpc !== undefined) return { kind: "grpc", ...grpc, serverName: grpc.serverName };
  return command === undefined ? { kind: "tcp" } : { kind: "command", command };
}
