// Answers side by side: what was recorded and what the balancer under trial did, told apart observation by observation.
import type { Director } from "./director.ts";
import { differingEntries, entryText, parseEntryText, timersAgree } from "./entries.ts";
import type { Result } from "./scenario-file.ts";
import type { Destination, Entry } from "./subject.ts";

/** One observation on which recording and replay disagree, in words. */
export interface Difference {
  readonly what: string;
  readonly expected: string;
  readonly got: string;
}

/** A step on which they disagree, and how the balancer stood after it. */
export interface Disagreement {
  /** "step 12", "after set-up". */
  readonly place: string;
  /** The step as recorded. */
  readonly text: string;
  readonly differences: readonly Difference[];
  readonly state: readonly string[];
}

/** What a step led to, so far as packets and commands show it; undefined: not observed by such a step. */
export interface Observed {
  /** The server that the first packet went to, null for none. */
  readonly server?: string | null;
  readonly reply?: string | null;
  /** Where the ACK of a handshake went (null: nowhere), if not to the server of its SYN. */
  readonly ackServer?: string | null;
  readonly forwarded?: string | null;
  readonly ok?: boolean;
  /** Whose entry is looked at. */
  readonly connection?: { readonly protocol: string; readonly client: string; readonly virtual: string };
}

/** What stands in the balancer after the step; asked for only where the recording has something to compare. */
export interface Standing {
  readonly destinations: () => readonly Destination[];
  readonly entries: () => readonly Entry[];
}

/** The observations of a result that the replay does not share. */
export function differencesOf(recorded: Result, observed: Observed, standing: Standing): readonly Difference[] {
  return [
    ...packetDifferences(recorded, observed),
    ...(recorded.counts === undefined ? [] : countDifferences(recorded.counts, standing.destinations())),
    ...connectionDifferences(recorded, observed, standing),
    ...(recorded.conns === undefined ? [] : tableDifferences(recorded.conns.map(parseEntryText), standing.entries())),
    ...(recorded.order === undefined ? [] : orderDifferences(recorded.order, standing.destinations())),
  ];
}

function packetDifferences(recorded: Result, observed: Observed): readonly Difference[] {
  const found: Difference[] = [];
  const compare = (what: string, expected: string | null | undefined, got: string | null | undefined): void => {
    if ((expected ?? null) !== (got ?? null)) found.push({ what, expected: word(expected), got: word(got) });
  };
  // Steps that choose have a server, null included; a reply or a stray ACK is written down only where there was one.
  if (recorded.server !== undefined) {
    compare("server", recorded.server, observed.server);
    compare("reply", recorded.reply, observed.reply);
    if (recorded.ack_server !== observed.ackServer) {
      const [expected, got] = [recorded.ack_server, observed.ackServer].map((server) =>
        server === undefined ? "the same" : word(server),
      ) as [string, string];
      found.push({ what: "server of the ACK", expected, got });
    }
  }
  if (recorded.forwarded !== undefined || observed.forwarded !== undefined) {
    compare("forwarded", recorded.forwarded, observed.forwarded);
  }
  if (observed.ok !== undefined) compare("ok", String(recorded.ok ?? true), String(observed.ok));
  return found;
}

function word(value: string | null | undefined): string {
  return value ?? "none";
}

function countDifferences(
  recorded: Readonly<Record<string, readonly [number, number]>>,
  destinations: readonly Destination[],
): readonly Difference[] {
  const got = new Map(
    destinations.map(({ name, active, inactive }) => [name, `${active} active, ${inactive} inactive`]),
  );
  const expected = new Map(
    Object.entries(recorded).map(([name, [active, inactive]]) => [name, `${active} active, ${inactive} inactive`]),
  );
  return [...new Set([...expected.keys(), ...got.keys()])].flatMap((name) => {
    const [want, have] = [expected.get(name), got.get(name)];
    return want === have ? [] : [{ what: `counts of ${name}`, expected: word(want), got: word(have) }];
  });
}

function connectionDifferences(recorded: Result, observed: Observed, standing: Standing): readonly Difference[] {
  const { connection } = observed;
  if (recorded.conn === undefined || connection === undefined) return [];
  const entry = standing
    .entries()
    .find(
      ({ protocol, client, virtual }) =>
        protocol === connection.protocol && client === connection.client && virtual === connection.virtual,
    );
  const isSame =
    recorded.conn === null || entry === undefined
      ? recorded.conn === null && entry === undefined
      : recorded.conn.server === entry.server &&
        recorded.conn.state === entry.state &&
        timersAgree(recorded.conn.expires, entry.expiresS);
  if (isSame) return [];
  const expected =
    recorded.conn === null ? "none" : connText(recorded.conn.server, recorded.conn.state, recorded.conn.expires);
  const got = entry === undefined ? "none" : connText(entry.server, entry.state, entry.expiresS);
  return [{ what: `connection ${connection.client} ${connection.virtual}`, expected, got }];
}

function connText(server: string, state: string, expiresS: number): string {
  return `${server} ${state}, ${expiresS} s left`;
}

/** How two connection tables differ. */
export function tableDifferences(recorded: readonly Entry[], replayed: readonly Entry[]): readonly Difference[] {
  const { missing, surplus } = differingEntries(recorded, replayed);
  if (missing.length === 0 && surplus.length === 0) return [];
  return [{ what: "connections", expected: lines(missing), got: lines(surplus) }];
}

function lines(entries: readonly Entry[]): string {
  return entries.length === 0 ? "none besides" : entries.map(entryText).join("; ");
}

/** How the recorded list of servers and the balancer's differ. */
export function orderDifferences(
  recorded: readonly string[],
  destinations: readonly Destination[],
): readonly Difference[] {
  const listed = (names: readonly string[]): string => names.join(" ") || "no servers";
  const [expected, got] = [listed(recorded), listed(destinations.map(({ name }) => name))];
  return expected === got ? [] : [{ what: "order", expected, got }];
}

const SHOWN_ENTRIES = 20;

/** Servers with their counts and the connection table, for people. */
export function stateOf(director: Director): readonly string[] {
  const services = director.listing().map(({ service, destinations }) => {
    const counts = destinations.map(({ name, active, inactive }) => `${name} ${active}/${inactive}`);
    return `${service}: ${counts.join(", ") || "no servers"}`;
  });
  const entries = director.subject.entries().map(entryText).sort();
  const hidden = entries.length - SHOWN_ENTRIES;
  return [...services, ...entries.slice(0, SHOWN_ENTRIES), ...(hidden > 0 ? [`… and ${hidden} connections more`] : [])];
}
