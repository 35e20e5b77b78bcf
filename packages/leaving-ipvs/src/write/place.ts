// Which service and server of a written file stand at a place of it: the configuration's own parser finds faults by
// line and column, and an import wants to know what they are faults of.
import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from "yaml";

/** What stands at a place. */
export interface Place {
  /** The name of the service. */
  readonly service: string;
  /** The index of the server, if it is in one. */
  readonly server?: number;
  /** The key of the service that it is in or at, if it is one. */
  readonly key?: string;
  /** It is in a check of the server. */
  readonly isInCheck?: true;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

interface ServerSpan extends Span {
  readonly checks: readonly Span[];
}

interface ServiceSpan extends Span {
  readonly name: string;
  readonly keys: readonly (Span & { readonly key: string })[];
  readonly servers: readonly ServerSpan[];
}

/** Finds places of a text by line and column, both counted from 1. */
export class Places {
  readonly #lines = new LineCounter();
  readonly #services: readonly ServiceSpan[];

  constructor(text: string) {
    const { contents } = parseDocument(text, { lineCounter: this.#lines, uniqueKeys: false });
    const services = isMap(contents) ? contents.get("services") : undefined;
    this.#services = isMap(services) ? services.items.map(serviceSpan) : [];
  }

  at(line: number, column: number): Place | undefined {
    const offset = (this.#lines.lineStarts[line - 1] ?? 0) + column - 1;
    const service = findSpan(this.#services, offset);
    if (service === undefined) return undefined;
    const key = service.keys.find((span) => contains(span, offset))?.key;
    const server = key === "servers" ? service.servers.findIndex((span) => contains(span, offset)) : -1;
    const isInCheck = service.servers[server]?.checks.some((span) => contains(span, offset)) === true;
    return {
      service: service.name,
      ...(key !== undefined && { key }),
      ...(server >= 0 && { server }),
      ...(isInCheck && { isInCheck }),
    };
  }
}

function serviceSpan(pair: Pair): ServiceSpan {
  const keys = isMap(pair.value) ? pair.value.items.map((each) => ({ ...spanOf(each), key: nameOf(each) })) : [];
  const servers = isMap(pair.value) ? pair.value.get("servers") : undefined;
  const items = isSeq(servers) ? servers.items : [];
  return { ...spanOf(pair), name: nameOf(pair), keys, servers: items.map((item) => serverSpan(item as Node)) };
}

function serverSpan(node: Node): ServerSpan {
  const pairs = isMap(node) ? node.items.filter((pair) => ["check", "checks"].includes(nameOf(pair))) : [];
  return { ...rangeOf(node, node), checks: pairs.map(spanOf) };
}

function nameOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : "";
}

function spanOf({ key, value }: Pair): Span {
  return rangeOf(key as Node, value as Node | null);
}

function rangeOf(first: Node, last: Node | null): Span {
  const start = first.range?.[0] ?? 0;
  return { start, end: Math.max(last?.range?.[2] ?? start, start + 1) };
}

function contains({ start, end }: Span, offset: number): boolean {
  return start <= offset && offset < end;
}

/** Spans follow each other. */
function findSpan(spans: readonly ServiceSpan[], offset: number): ServiceSpan | undefined {
  let [low, high] = [0, spans.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const span = spans[middle];
    if (span === undefined) return undefined;
    if (contains(span, offset)) return span;
    if (offset < span.start) high = middle - 1;
    else low = middle + 1;
  }
  return undefined;
}
