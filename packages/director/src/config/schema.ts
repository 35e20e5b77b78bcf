// The zod schema of a configuration file: its shape, defaults, and the conversion of durations to milliseconds.
// JSON Schema for editors is generated from it (json-schema.ts); texts for its issues are in explain.ts.
import { z } from "zod";
import {
  defaultAnswersPerSecond,
  defaultLocalityMs,
  defaultMaximumConnections,
  defaultTimeoutsMs,
  type TimedState,
  timedStates,
} from "../model/configuration.ts";
import { defaultGuePort, encapsulations, type Encapsulation } from "../model/encapsulation.ts";
import { defaultDrainMs } from "../model/virtual-service.ts";
import { readText } from "./check-values.ts";
import { formatDuration } from "./duration.ts";
import { apiKeys, fields, serviceName, type TextField } from "./fields.ts";
import { healthSchemas } from "./health-schema.ts";
import { portsPattern, readAddress, readAddresses, readNetmask, readNetwork, readPorts } from "./values.ts";
import { choice, duration, durationOr, durationOrOff, flag, integer, meant } from "./zod-fields.ts";

/** The name of a Linux interface: IFNAMSIZ is 16 with the final zero (include/uapi/linux/if.h, dev_valid_name). */
const interfacePattern = /^(?!\.{1,2}$)[^\s/:]{1,15}$/;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** ipvsadm's, for `-p` without a number. */
const defaultPersistence = "6m";

const address = (field: TextField) => meant(z.string(), readAddress, field);
const network = (field: TextField) => meant(z.string(), readNetwork, field);
const port = z.int().min(1).max(65_535);
const portRange = z.string().regex(portsPattern);
const ports = (field: TextField) =>
  meant(z.union([port, portRange, z.array(z.union([port, portRange])).min(1)]), readPorts, field);

const netmask = meant(
  z.union([z.int().min(1).max(128), z.string()]),
  readNetmask,
  fields["services.*.persistence.netmask"],
);

/** A word, or a map of one kind's parameters. That it names one kind is checked afterwards: check-methods.ts. */
export const encapsulation = z
  .union([
    z.enum(encapsulations),
    z
      .strictObject({
        gue: z
          .strictObject({
            port: integer(fields["services.*.encapsulation.gue.port"]).default(defaultGuePort),
            checksum: flag(fields["services.*.encapsulation.gue.checksum"]).default(false),
          })
          .describe(fields["services.*.encapsulation.gue"].meaning)
          .optional(),
        gre: z
          .strictObject({ checksum: flag(fields["services.*.encapsulation.gre.checksum"]).default(false) })
          .describe(fields["services.*.encapsulation.gre"].meaning)
          .optional(),
      })
      .meta({ minProperties: 1, maxProperties: 1 }),
  ])
  .describe(fields["services.*.encapsulation"].meaning)
  .transform((written): Encapsulation => {
    const { gue, gre } = typeof written === "string" ? { gue: undefined, gre: undefined } : written;
    if (gue !== undefined || written === "gue") return { kind: "gue", port: defaultGuePort, checksum: false, ...gue };
    if (gre !== undefined || written === "gre") return { kind: "gre", checksum: false, ...gre };
    return { kind: "ipip" };
  });

const localAddress = meant(z.string(), readAddresses, fields["services.*.localAddresses.*"]);
const localAddresses = z
  .array(localAddress)
  .min(1)
  .describe(fields["services.*.localAddresses"].meaning)
  .transform((entries) => [...new Set(entries.flat())]);

const clamp = fields["director.mssClamp"];
const mssClamp = z.union([z.enum(clamp.words), z.int().min(clamp.minimum).max(clamp.maximum)]).describe(clamp.meaning);

/** Schemas of single fields, for the checks that look at several fields while others may be wrong. */
export const fieldSchemas = {
  address: address(fields["services.*.servers.*.address"]),
  network: network(fields["services.*.address"]),
  ports: ports(fields["services.*.port"]),
  port: integer(fields["services.*.servers.*.port"]),
  protocol: choice(fields["services.*.protocol"]),
  mark: integer(fields["services.*.mark"]),
  // ipvsadm's default too.
  scheduler: choice(fields["services.*.scheduler"]).default("wlc"),
  schedulerOption: choice(fields["services.*.schedulerOptions.*"]),
  tableSize: integer(fields["services.*.tableSize"]),
  forwarding: choice(fields["services.*.forwarding"]),
  encapsulation,
  clientAddress: choice(fields["services.*.clientAddress"]),
  localAddress,
  mssClamp,
  netmask,
  onePacket: flag(fields["services.*.onePacket"]).default(false),
  slowStart: durationOrOff(fields["services.*.slowStart"]),
  weight: integer(fields["services.*.servers.*.weight"]).default(1),
  threshold: integer(fields["services.*.servers.*.upperThreshold"]).default(0),
  interfaces: z
    .array(z.string().regex(interfacePattern).describe(fields["director.interfaces.*"].meaning))
    .min(1)
    .describe(fields["director.interfaces"].meaning),
} as const;

/** One server of a service. */
export const serverSchema = z
  .strictObject({
    address: fieldSchemas.address,
    port: fieldSchemas.port.optional(),
    weight: fieldSchemas.weight,
    forwarding: fieldSchemas.forwarding.optional(),
    encapsulation: encapsulation.optional(),
    clientAddress: fieldSchemas.clientAddress.optional(),
    upperThreshold: fieldSchemas.threshold,
    lowerThreshold: integer(fields["services.*.servers.*.lowerThreshold"]).default(0),
    drain: durationOrOff(fields["services.*.servers.*.drain"]).optional(),
    ...healthSchemas,
  })
  .describe(fields["services.*.servers.*"].meaning);

const persistenceTimeout = duration(fields["services.*.persistence.timeout"]);
const persistence = z
  .union([
    persistenceTimeout,
    z.strictObject({ timeout: persistenceTimeout.prefault(defaultPersistence), netmask: netmask.optional() }),
  ])
  .describe(fields["services.*.persistence"].meaning)
  .transform((written) => (typeof written === "number" ? { timeout: written, netmask: undefined } : written));

/** One service; its name is the key that it stands under. */
export const serviceSchema = z
  .strictObject({
    // Which of these there must be depends on each other: check-services.ts.
    address: fieldSchemas.network.optional(),
    addresses: z
      .array(network(fields["services.*.addresses.*"]))
      .min(1)
      .describe(fields["services.*.addresses"].meaning)
      .optional(),
    port: fieldSchemas.ports.optional(),
    protocol: fieldSchemas.protocol.optional(),
    mark: fieldSchemas.mark.optional(),
    scheduler: fieldSchemas.scheduler,
    schedulerOptions: z
      .array(fieldSchemas.schedulerOption)
      .describe(fields["services.*.schedulerOptions"].meaning)
      .optional(),
    tableSize: fieldSchemas.tableSize.optional(),
    forwarding: fieldSchemas.forwarding,
    encapsulation: encapsulation.optional(),
    clientAddress: fieldSchemas.clientAddress.optional(),
    localAddresses: localAddresses.optional(),
    persistence: persistence.optional(),
    onePacket: fieldSchemas.onePacket,
    drain: durationOrOff(fields["services.*.drain"]).prefault(formatDuration(defaultDrainMs)),
    slowStart: fieldSchemas.slowStart.prefault("off"),
    caps: z
      .strictObject({
        newPerSecond: integer(fields["services.*.caps.newPerSecond"]).optional(),
        halfOpen: integer(fields["services.*.caps.halfOpen"]).optional(),
      })
      .describe(fields["services.*.caps"].meaning)
      .optional(),
    ...healthSchemas,
    onDown: choice(fields["services.*.onDown"]).default("drain"),
    quorum: integer(fields["services.*.quorum"]).default(1),
    sorryServer: z
      .strictObject({
        address: fieldSchemas.address,
        port: fieldSchemas.port.optional(),
        forwarding: fieldSchemas.forwarding.optional(),
      })
      .describe(fields["services.*.sorryServer"].meaning)
      .optional(),
    servers: z.array(serverSchema).describe(fields["services.*.servers"].meaning),
  })
  .meta({
    description: fields["services.*"].meaning,
    // For editors; the checks that come after the schema say it in words.
    oneOf: [{ required: ["address", "port"] }, { required: ["addresses", "port"] }, { required: ["mark"] }],
  });

const timeoutsSchema = z
  .strictObject({
    ...(Object.fromEntries(
      (Object.keys(timedStates) as readonly TimedState[]).map((word) => [
        word,
        durationOr(fields[`director.timeouts.${word}`], defaultTimeoutsMs[word]),
      ]),
    ) as Record<TimedState, ReturnType<typeof durationOr>>),
    lblc: durationOr(fields["director.timeouts.lblc"], defaultLocalityMs.lblc),
    lblcr: durationOr(fields["director.timeouts.lblcr"], defaultLocalityMs.lblcr),
  })
  .prefault({})
  .describe(fields["director.timeouts"].meaning);

const markSchema = z
  .strictObject({
    mark: fieldSchemas.mark,
    address: network(fields["director.marks.*.address"]),
    port: ports(fields["director.marks.*.port"]).optional(),
    protocol: choice(fields["director.marks.*.protocol"]).optional(),
  })
  .describe(fields["director.marks.*"].meaning);

const directorSchema = z
  .strictObject({
    interfaces: fieldSchemas.interfaces.optional(),
    hook: choice(fields["director.hook"]).default("auto"),
    compatibility: choice(fields["director.compatibility"]).default("none"),
    timeouts: timeoutsSchema,
    connections: z
      .strictObject({ maximum: integer(fields["director.connections.maximum"]).default(defaultMaximumConnections) })
      .prefault({})
      .describe(fields["director.connections"].meaning),
    onRemoval: choice(fields["director.onRemoval"]).default("drop"),
    quiescedTemplates: choice(fields["director.quiescedTemplates"]).default("keep"),
    portReuse: choice(fields["director.portReuse"]).default("ended"),
    sloppyTcp: flag(fields["director.sloppyTcp"]).default(false),
    secureTcp: flag(fields["director.secureTcp"]).default(false),
    dropPackets: z
      .strictObject({ oneOf: integer(fields["director.dropPackets.oneOf"]) })
      .describe(fields["director.dropPackets"].meaning)
      .optional(),
    answersPerSecond: integer(fields["director.answersPerSecond"]).default(defaultAnswersPerSecond),
    localAddresses: localAddresses.optional(),
    checkNetworks: z
      .array(network(fields["director.checkNetworks.*"]))
      .min(1)
      .describe(fields["director.checkNetworks"].meaning)
      .optional(),
    mssClamp: fieldSchemas.mssClamp.optional(),
    scheduleIcmp: flag(fields["director.scheduleIcmp"]).default(false),
    natIcmpSend: flag(fields["director.natIcmpSend"]).default(false),
    pathMtuDiscovery: flag(fields["director.pathMtuDiscovery"]).optional(),
    pingVip: flag(fields["director.pingVip"]).optional(),
    marks: z.array(markSchema).describe(fields["director.marks"].meaning).default([]),
  })
  .describe(fields.director.meaning);

const apiSetting = (key: (typeof apiKeys)[number]) => meant(z.string(), readText, fields[`api.${key}`]).exactOptional();
const apiSchema = z
  .strictObject({
    group: apiSetting("group"),
    listen: apiSetting("listen"),
    tokenFile: apiSetting("tokenFile"),
    certificateFile: apiSetting("certificateFile"),
    keyFile: apiSetting("keyFile"),
    clientCaFile: apiSetting("clientCaFile"),
  })
  .describe(fields.api.meaning);

/** A configuration file. */
export const configurationSchema = z
  .strictObject({
    director: directorSchema.prefault({}),
    api: apiSchema.exactOptional(),
    services: z
      .record(z.string().regex(namePattern).describe(serviceName.meaning), serviceSchema)
      .describe(fields.services.meaning),
  })
  .describe("Configuration of the Yardmaster load balancer");

/** What the schema makes of a file without faults. */
export type ConfigurationFile = z.output<typeof configurationSchema>;
/** A service of it. */
export type ServiceEntry = ConfigurationFile["services"][string];
/** An entry of `director.marks`. */
export type MarkEntry = ConfigurationFile["director"]["marks"][number];
