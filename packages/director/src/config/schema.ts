// The zod schema of a configuration file: its shape, defaults, and the conversion of durations to milliseconds.
// JSON Schema for editors is generated from it (json-schema.ts); texts for its issues are in explain.ts.
import { z } from "zod";
import { defaultMaximumConnections, defaultTimeouts } from "../model/configuration.ts";
import { durationPattern, formatDuration, tryParseDurationMs } from "./duration.ts";
import { type ChoiceField, fields, type IntegerField, serviceName, type TextField, timeoutRangeMs } from "./fields.ts";

/** The name of a Linux interface: IFNAMSIZ is 16 with the final zero (include/uapi/linux/if.h, dev_valid_name). */
const interfacePattern = /^(?!\.{1,2}$)[^\s/:]{1,15}$/;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

const integer = (field: IntegerField) => z.int().min(field.minimum).max(field.maximum).describe(field.meaning);
const choice = <Word extends string>(field: ChoiceField<Word>) => z.enum(field.words).describe(field.meaning);
const ipv4 = (field: TextField) => z.ipv4().describe(field.meaning);

/** Text such as "5m" in, milliseconds out. */
const duration = (field: TextField, defaultMs: number) =>
  z
    .string()
    .regex(durationPattern)
    .refine((text) => isTimeout(tryParseDurationMs(text)))
    .describe(field.meaning)
    .default(formatDuration(defaultMs))
    .transform((text) => tryParseDurationMs(text) ?? defaultMs);

function isTimeout(durationMs: number | undefined): boolean {
  // No duration at all is the pattern's fault, not the range's.
  return durationMs === undefined || (durationMs >= timeoutRangeMs.minimum && durationMs <= timeoutRangeMs.maximum);
}

/** Schemas of single fields, for the checks that look at several fields while others may be wrong. */
export const fieldSchemas = {
  address: ipv4(fields["services.*.address"]),
  port: integer(fields["services.*.port"]),
  protocol: choice(fields["services.*.protocol"]).default("tcp"),
  forwarding: choice(fields["services.*.forwarding"]),
  interfaces: z
    .array(z.string().regex(interfacePattern).describe(fields["director.interfaces.*"].meaning))
    .min(1)
    .describe(fields["director.interfaces"].meaning),
} as const;

const serverSchema = z
  .strictObject({
    address: ipv4(fields["services.*.servers.*.address"]),
    port: fieldSchemas.port.optional(),
    weight: integer(fields["services.*.servers.*.weight"]).default(1),
    forwarding: fieldSchemas.forwarding.optional(),
  })
  .describe(fields["services.*.servers.*"].meaning);

/** One service; its name is the key that it stands under. */
export const serviceSchema = z
  .strictObject({
    address: fieldSchemas.address,
    port: fieldSchemas.port,
    protocol: fieldSchemas.protocol,
    // ipvsadm's default too.
    scheduler: choice(fields["services.*.scheduler"]).default("wlc"),
    forwarding: fieldSchemas.forwarding,
    servers: z.array(serverSchema).describe(fields["services.*.servers"].meaning),
  })
  .describe(fields["services.*"].meaning);

const directorSchema = z
  .strictObject({
    interfaces: fieldSchemas.interfaces.optional(),
    hook: choice(fields["director.hook"]).default("auto"),
    compatibility: choice(fields["director.compatibility"]).default("none"),
    timeouts: z
      .strictObject({
        tcp: duration(fields["director.timeouts.tcp"], defaultTimeouts.tcpMs),
        tcpFin: duration(fields["director.timeouts.tcpFin"], defaultTimeouts.tcpFinMs),
        udp: duration(fields["director.timeouts.udp"], defaultTimeouts.udpMs),
      })
      .prefault({})
      .describe(fields["director.timeouts"].meaning),
    connections: z
      .strictObject({ maximum: integer(fields["director.connections.maximum"]).default(defaultMaximumConnections) })
      .prefault({})
      .describe(fields["director.connections"].meaning),
  })
  .describe(fields.director.meaning);

/** A configuration file. */
export const configurationSchema = z
  .strictObject({
    director: directorSchema.prefault({}),
    services: z
      .record(z.string().regex(namePattern).describe(serviceName.meaning), serviceSchema)
      .describe(fields.services.meaning),
  })
  .describe("Configuration of the Yardmaster load balancer");

/** What the schema makes of a file without faults. */
export type ConfigurationFile = z.output<typeof configurationSchema>;
