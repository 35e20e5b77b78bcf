// Sets of ports: one, several, ranges of them, or all.

/** From the first to the last, both included, in host order. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Ranges in ascending order with gaps between them; `any`: all ports that no service names. */
export type Ports = "any" | readonly [PortRange, ...PortRange[]];

/** Brings ranges into order and joins those that touch; undefined where there are none. */
export function joinRanges(ranges: readonly PortRange[]): readonly [PortRange, ...PortRange[]] | undefined {
  const joined: [PortRange, ...PortRange[]][] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = joined.at(-1)?.[0];
    if (before === undefined || range.first > before.last + 1) joined.push([range]);
    else joined[joined.length - 1] = [{ first: before.first, last: Math.max(before.last, range.last) }];
  }
  const [first, ...rest] = joined.flat();
  return first === undefined ? undefined : [first, ...rest];
}

/** The one port that these are; undefined where they are several. */
export function singlePort(ports: Ports): number | undefined {
  if (ports === "any" || ports.length > 1) return undefined;
  const [{ first, last }] = ports;
  return first === last ? first : undefined;
}

/** "80", "80,443", "8000-8999", "any". */
export function portsText(ports: Ports): string {
  if (ports === "any") return ports;
  return ports.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}
