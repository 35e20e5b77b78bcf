// A service as the state file keeps it, held against what a service can be: what is read there goes into maps without
// the checks that a configuration goes through. What only says more than this version knows is left as it is.

import { formatAddress, formatPrefix, parsePrefix, tryParseAddress } from "@yardmaster/packet";
import { z } from "zod";
import { clientAddresses } from "../model/client-address.ts";
import { forwardingMethods } from "../model/forwarding-method.ts";
import { schedulerOptions, schedulers, tableSizes } from "../model/scheduler.ts";
import { protocols } from "../model/virtual-service.ts";

const MOST_16_BITS = 65_535;
const MOST_32_BITS = 0xffff_ffff;

const word = z.int().min(0).max(MOST_32_BITS);
const port = z.int().min(0).max(MOST_16_BITS);
const durationMs = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const address = z.string().refine(isCanonicalAddress);
const prefix = z.string().refine(isCanonicalPrefix);
const ports = z.union([z.literal("any"), z.array(z.object({ first: port, last: port })).min(1)]);
const protocol = z.enum(protocols);

const match = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("exact"), address, port, protocol }),
  z.object({ kind: z.literal("wide"), prefixes: z.array(prefix).min(1), ports, protocol }),
  z.object({
    kind: z.literal("mark"),
    mark: word,
    rules: z.array(z.object({ prefix, ports, protocols: z.array(protocol).min(1) })).min(1),
  }),
]);

const encapsulation = z.discriminatedUnion("kind", [
  z.looseObject({ kind: z.literal("ipip") }),
  z.looseObject({ kind: z.literal("gue"), port, checksum: z.boolean() }),
  z.looseObject({ kind: z.literal("gre"), checksum: z.boolean() }),
]);

const server = z.looseObject({
  ...{ address, port, weight: port, upperThreshold: word, lowerThreshold: word },
  forwarding: z.enum(forwardingMethods),
  encapsulation: encapsulation.optional(),
  clientAddress: z.enum(clientAddresses).optional(),
  drainMs: durationMs.optional(),
});

/** A service that leaves, or of which servers do. */
export const keptService = z.looseObject({
  name: z.string().max(1024),
  match,
  scheduler: z.enum(schedulers),
  schedulerOptions: z.array(z.enum(schedulerOptions)),
  tableSize: z.int().min(1).max(tableSizes.maximum).optional(),
  forwarding: z.enum(forwardingMethods),
  persistence: z.object({ timeoutMs: durationMs, maskBits: z.int().min(0).max(128) }).optional(),
  onePacket: z.boolean(),
  caps: z.object({ newPerSecond: word, halfOpen: word }),
  localAddresses: z.array(address).optional(),
  drainMs: durationMs.optional(),
  slowStartMs: durationMs.optional(),
  servers: z.array(server),
});

function isCanonicalAddress(text: string): boolean {
  const bytes = tryParseAddress(text);
  return bytes !== undefined && formatAddress(bytes) === text;
}

function isCanonicalPrefix(text: string): boolean {
  try {
    return formatPrefix(parsePrefix(text)) === text;
  } catch {
    return false;
  }
}
