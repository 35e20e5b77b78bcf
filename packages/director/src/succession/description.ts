// The description of a data plane as it is kept with its maps: bytes that may be of another version of this program, or
// of nobody. What is wrong with them is said; nothing of them is believed.

import { type Layout, sizeOfLayout } from "@yardmaster/ebpf";
import { z } from "zod";
import type { DataplaneDescription } from "./former-maps.ts";

/** A hundred times what a description has. */
export const LONGEST_DESCRIPTION = 4 << 20;
/** Structures in structures: those of this program have three levels. */
const DEEPEST = 16;
/** What each description has told of since there are any. */
const NEEDED = ["identities", "destinations", "loads"] as const;

/** Told to people as it is. */
const version = z.string().regex(/^[\x20-\x7e]{0,100}$/);
const count = z
  .number()
  .int()
  .nonnegative()
  .max(2 ** 32);
const layout: z.ZodType<Layout> = z.lazy(() =>
  z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("scalar"), type: z.string(), size: count }),
    z.object({ kind: z.literal("list"), length: count, stride: count, element: layout }),
    z.object({
      kind: z.literal("struct"),
      size: count,
      fields: z.array(z.object({ name: z.string(), offset: count, layout })),
    }),
  ]),
);
const soundLayout = layout.refine((one) => isSound(one), "parts are not within each other");
const schema = z
  .object({
    format: z.literal(1),
    version,
    reasons: z.array(z.string()),
    maps: z.array(
      z.object({
        name: z.string().regex(/^[a-z0-9_]{1,15}$/),
        type: z.enum(["hash", "array", "percpu_array"]),
        maxEntries: count.min(1),
        flags: count,
        key: soundLayout,
        value: soundLayout,
      }),
    ),
  })
  .refine(({ maps }) => new Set(maps.map(({ name }) => name)).size === maps.length, "a map is described twice")
  .refine(
    ({ maps }) => NEEDED.every((name) => maps.some((map) => map.name === name)),
    `not all of these maps are described: ${NEEDED.join(", ")}`,
  );

/** What is read of any description before all else. */
const formatSchema = z.object({ format: z.number(), version: version.optional().catch(undefined) });

/** The description in these bytes. Throws an Error that says what is wrong with them. */
export function parseDescription(content: Uint8Array): DataplaneDescription {
  const value: unknown = parseJson(content);
  const { data: head } = formatSchema.safeParse(value);
  if (head !== undefined && head.format !== 1) {
    const author = head.version === undefined ? "" : ` and was written by version ${head.version}`;
    throw new Error(`it has format ${head.format}${author}; this version knows format 1`);
  }
  if (depthOf(value) > 4 * DEEPEST) throw new Error("it is nested too deeply");
  const { data, error } = schema.safeParse(value);
  if (data !== undefined) return data as DataplaneDescription;
  const [first] = error.issues;
  throw new Error(`${first?.path.join(".") || "it"}: ${first?.message ?? "not as expected"}`);
}

function parseJson(content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch (cause) {
    throw new Error("it is no JSON text", { cause });
  }
}

/** How deeply values are nested in each other, counted without nesting. */
function depthOf(value: unknown): number {
  let depth = 0;
  let level: unknown[] = [value];
  while (level.length > 0) {
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
    depth += 1;
    if (depth > 4 * DEEPEST) return depth;
  }
  return depth;
}

/** Whether each part lies within what it is a part of. */
function isSound(layout: Layout, depth = 0): boolean {
  if (depth > DEEPEST) return false;
  switch (layout.kind) {
    case "scalar":
      return true;
    case "list":
      return sizeOfLayout(layout.element) <= layout.stride && isSound(layout.element, depth + 1);
    case "struct":
      return layout.fields.every(
        ({ offset, layout: part }) => offset + sizeOfLayout(part) <= layout.size && isSound(part, depth + 1),
      );
  }
}
