// What the bytes of a value mean, as plain data: with it a program reads what another version of itself wrote. Kept
// beside maps that outlive the process that made them.

/** Bytes of one meaning; a structure; or elements of one kind, `stride` bytes apart. Sizes and offsets are in bytes. */
export type Layout =
  | { readonly kind: "scalar"; readonly type: string; readonly size: number }
  | { readonly kind: "struct"; readonly size: number; readonly fields: readonly LayoutField[] }
  | { readonly kind: "list"; readonly length: number; readonly stride: number; readonly element: Layout };

/** A part of a structure. */
export interface LayoutField {
  readonly name: string;
  readonly offset: number;
  readonly layout: Layout;
}

/** The layout of a structure of these fields; undefined where one of them has none. */
export function layoutOfFields(
  fields: Readonly<Record<string, { readonly layout?: Layout }>>,
  offsets: Readonly<Record<string, number>>,
  size: number,
): Layout | undefined {
  const parts = Object.entries(fields).flatMap(([name, { layout }]): LayoutField[] =>
    layout === undefined ? [] : [{ name, offset: offsets[name] ?? 0, layout }],
  );
  return parts.length === Object.keys(fields).length ? { kind: "struct", size, fields: parts } : undefined;
}

/** Bytes of a value. */
export function sizeOfLayout(layout: Layout): number {
  return layout.kind === "list" ? layout.length * layout.stride : layout.size;
}

/** Whether values of both are the same bytes with the same meaning. */
export function isSameLayout(a: Layout, b: Layout): boolean {
  if (a.kind === "scalar") return b.kind === "scalar" && a.type === b.type && a.size === b.size;
  if (a.kind === "list") {
    return b.kind === "list" && a.length === b.length && a.stride === b.stride && isSameLayout(a.element, b.element);
  }
  if (b.kind !== "struct" || a.size !== b.size || a.fields.length !== b.fields.length) return false;
  return a.fields.every((field, at) => {
    const other = b.fields[at];
    const isSamePlace = other?.name === field.name && other.offset === field.offset;
    return isSamePlace && isSameLayout(field.layout, other.layout);
  });
}

/** Numbers in the machine's order, which grow by zeros at their end; in network order they would at their front. */
const HOST_ORDER = ["u8", "u16", "u32", "u64"];

/** A stretch of bytes that goes over as it is. */
interface Move {
  readonly from: number;
  readonly to: number;
  readonly size: number;
}

/**
 * Makes values of layout `to` out of values of layout `from`: what has the same name in both goes over, what is new is
 * zero, what is gone is lost. A number becomes wider, never narrower. Undefined where something of the same name cannot
 * go over, so that its meaning would be lost.
 */
export function converter(from: Layout, to: Layout): ((bytes: Uint8Array) => Uint8Array) | undefined {
  const moves = movesOf(from, to, 0, 0);
  if (moves === undefined) return undefined;
  const size = sizeOfLayout(to);
  return (bytes) => {
    const result = new Uint8Array(size);
    for (const move of moves) result.set(bytes.subarray(move.from, move.from + move.size), move.to);
    return result;
  };
}

function movesOf(from: Layout, to: Layout, fromAt: number, toAt: number): readonly Move[] | undefined {
  if (isSameLayout(from, to)) return [{ from: fromAt, to: toAt, size: sizeOfLayout(from) }];
  if (from.kind === "scalar" && to.kind === "scalar") {
    const isWider = HOST_ORDER.includes(from.type) && HOST_ORDER.includes(to.type) && from.size <= to.size;
    return isWider ? [{ from: fromAt, to: toAt, size: from.size }] : undefined;
  }
  if (from.kind === "list" && to.kind === "list" && from.length <= to.length) {
    const moves = Array.from({ length: from.length }, (_, at) =>
      movesOf(from.element, to.element, fromAt + at * from.stride, toAt + at * to.stride),
    );
    return all(moves);
  }
  if (from.kind !== "struct" || to.kind !== "struct") return undefined;
  const known = new Map(from.fields.map((field) => [field.name, field]));
  const moves = to.fields.map(({ name, offset, layout }) => {
    const field = known.get(name);
    // What is reserved says nothing: of any size.
    if (field === undefined || name.toLowerCase().endsWith("reserved")) return [];
    return movesOf(field.layout, layout, fromAt + field.offset, toAt + offset);
  });
  return all(moves);
}

function all(moves: readonly (readonly Move[] | undefined)[]): readonly Move[] | undefined {
  const known = moves.filter((each) => each !== undefined);
  return known.length === moves.length ? known.flat() : undefined;
}
