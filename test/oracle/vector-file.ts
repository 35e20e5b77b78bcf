// The format of packet vectors: set-up as commands, then frames in and frames out. Strict, as scenarios are.
import { z } from "zod";
import { mustAgree } from "./format.ts";

const packet = z.strictObject({
  side: z.enum(["c", "s"]),
  frame: z.string().regex(/^([0-9a-fA-F]{2})*$/, "is not hex"),
});

const vector = z.strictObject({
  name: z.string().optional(),
  note: z.string().optional(),
  kernel: z.string().optional(),
  ipvsadm: z.array(z.string()),
  sysctl: z.record(z.string(), z.union([z.number(), z.string()])).optional(),
  commands: z.array(z.string()).optional(),
  /** What `ipvsadm -L --daemon` printed: known from the commands. */
  daemon: z.string().optional(),
  exchanges: z.array(z.strictObject({ note: z.string().optional(), in: packet.optional(), out: z.array(packet) })),
  conns: z.array(z.string()).optional(),
});

export type Vector = z.infer<typeof vector>;
export type Exchange = Vector["exchanges"][number];

/** Reads a packet vector from what JSON.parse gave; throws an error that names every place at fault. */
export function parseVector(json: unknown): Vector {
  return mustAgree(vector, json, "packet vector");
}
