// The format of scenarios: servers and a service, steps, and what the kernel answered to each. Strict: what is not
// known here is an error, because a replay that ignores something proves nothing.
import { z } from "zod";
import { mustAgree } from "./format.ts";

const port = z.int().min(0).max(65535);
const seconds = z.number().min(0);
const connectionName = z.union([z.int(), z.string()]);
const mode = z.enum(["nat", "dr", "tun"]);
const setting = z.union([z.number(), z.string()]);

const server = z.strictObject({
  address: z.string(),
  port,
  weight: z.int(),
  upper: z.int().optional(),
  lower: z.int().optional(),
});

const persistence = {
  persistent: z.int().min(0).optional(),
  netmask: setting.optional(),
  ops: z.boolean().optional(),
};

const service = z.union([
  z.strictObject({ address: z.string(), port, ...persistence }),
  z.strictObject({ fwmark: z.int().min(1), ipv6: z.boolean().optional(), ...persistence }),
]);

/** Who sends, and where to if not to the service. */
const flow = { src: z.string(), sport: port, dst: z.string().optional(), dport: port.optional() };
const kind = z.enum(["syn", "ack", "data", "fin", "rst", "synack"]);
const direction = z.enum(["in", "out"]);

const step = z.discriminatedUnion(
  "op",
  [
    z.strictObject({ op: z.literal("udp"), ...flow }),
    z.strictObject({ op: z.literal("syn"), c: connectionName, ...flow }),
    z.strictObject({ op: z.literal("connect"), c: connectionName, ...flow }),
    z.strictObject({ op: z.literal("close"), c: connectionName }),
    z.strictObject({ op: z.literal("rst"), c: connectionName }),
    z.strictObject({
      op: z.literal("tcp"),
      c: connectionName,
      kind,
      dir: direction,
      src: flow.src.optional(),
      sport: port.optional(),
      dst: flow.dst,
      dport: flow.dport,
    }),
    z.strictObject({ op: z.literal("set_weight"), server: z.string(), weight: z.int() }),
    z.strictObject({
      op: z.literal("edit_server"),
      server: z.string(),
      set: server.omit({ address: true, port: true }).extend({ mode }).partial(),
    }),
    z.strictObject({ op: z.literal("add_server"), server }),
    z.strictObject({ op: z.literal("remove_server"), server: z.string() }),
    z.strictObject({
      op: z.literal("edit_service"),
      set: z.strictObject({ scheduler: z.string(), flags: z.array(z.string()), ...persistence }).partial(),
    }),
    z.strictObject({ op: z.literal("sysctl"), name: z.string(), value: setting }),
    z.strictObject({ op: z.literal("wait"), seconds }),
  ],
  { error: () => "unknown op" },
);

const result = z.strictObject({
  server: z.string().nullable().optional(),
  reply: z.string().nullable().optional(),
  ack_server: z.string().nullable().optional(),
  forwarded: z.string().nullable().optional(),
  ok: z.boolean().optional(),
  counts: z.record(z.string(), z.tuple([z.int(), z.int()])).optional(),
  conn: z.strictObject({ server: z.string(), state: z.string(), expires: z.int() }).nullable().optional(),
  conns: z.array(z.string()).optional(),
  order: z.array(z.string()).optional(),
  t: z.number().optional(),
});

const scenario = z.strictObject({
  name: z.string().optional(),
  title: z.string().optional(),
  kernel: z.string().optional(),
  scheduler: z.string(),
  flags: z.array(z.string()).optional(),
  mode,
  protocol: z.enum(["tcp", "udp"]),
  service,
  servers: z.array(server),
  sysctl: z.record(z.string(), setting).optional(),
  timeouts: z.tuple([z.int(), z.int(), z.int()]).optional(),
  marks: z.array(z.string()).optional(),
  record: z.array(z.enum(["counts", "conn", "conns", "order"])).optional(),
  settle: seconds.optional(),
  kernel_order: z.array(z.string()).optional(),
  steps: z.array(step),
  results: z.array(result),
});

export type Scenario = z.infer<typeof scenario>;
export type Step = Scenario["steps"][number];
export type Result = Scenario["results"][number];

/** The step with that `op`. */
export type StepOf<Op extends Step["op"]> = Extract<Step, { readonly op: Op }>;

/** Reads a scenario from what JSON.parse gave; throws an error that names every place that is not as it should be. */
export function parseScenario(json: unknown): Scenario {
  const parsed = mustAgree(scenario, json, "scenario");
  const { steps, results } = parsed;
  if (steps.length === results.length) return parsed;
  throw new Error(`reading a scenario: ${steps.length} steps but ${results.length} results`);
}
