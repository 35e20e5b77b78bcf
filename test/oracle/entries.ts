// Lines of the connection table: as scenarios write them, as the kernel's proc file does, and compared. Which order
// they stand in is the hash table's affair; the seconds left may differ as the format allows.
import { formatAddress, fromHex } from "@yardmaster/packet";
import type { Entry } from "./subject.ts";
import { endpointText } from "./topology.ts";

/** How many seconds less than a replay the recording may show: it observes late and rounds down. */
const EXPIRES_TOLERANCE_S = 2;

/** Reads "TCP 10.1.1.1:1025 10.3.0.1:80 -> 10.2.0.12:80 ESTABLISHED 899". */
export function parseEntryText(text: string): Entry {
  const [, protocol, client, virtual, server, state, expires] =
    /^(\w+) (\S+) (\S+) -> (\S+) (\w+) (\d+)$/.exec(text) ?? [];
  if (expires === undefined) throw new Error(`reading a connection: "${text}" is not "PRO client virtual -> …"`);
  return { protocol, client, virtual, server, state, expiresS: Number(expires) } as Entry;
}

/** Reads a line of /proc/net/ip_vs_conn: everything in hex, IPv6 addresses as eight groups. */
export function parseProcEntry(text: string): Entry {
  const [protocol, client, clientPort, virtual, virtualPort, server, serverPort, state, expires, ...rest] = text
    .trim()
    .split(/\s+/);
  if (expires === undefined || state === undefined || protocol === undefined || rest.length > 0) {
    throw new Error(`reading a connection: "${text}" is no line of /proc/net/ip_vs_conn`);
  }
  const end = (address = "", port = "") => endpointText(formatAddress(fromHex(address)), Number.parseInt(port, 16));
  return {
    protocol,
    client: end(client, clientPort),
    virtual: end(virtual, virtualPort),
    server: end(server, serverPort),
    state,
    expiresS: Number(expires),
  };
}

/** The line in the scenarios' words. */
export function entryText({ protocol, client, virtual, server, state, expiresS }: Entry): string {
  return `${protocol} ${client} ${virtual} -> ${server} ${state} ${expiresS}`;
}

/** Whether a recorded and a replayed timer are the same one: −2 … 0 s. */
export function timersAgree(recordedS: number, replayedS: number): boolean {
  return recordedS <= replayedS && replayedS <= recordedS + EXPIRES_TOLERANCE_S;
}

/** The lines that only the recording or only the replay has, after those that agree are struck off. */
export function differingEntries(
  recorded: readonly Entry[],
  replayed: readonly Entry[],
): { readonly missing: readonly Entry[]; readonly surplus: readonly Entry[] } {
  const surplus = [...replayed].sort(byText);
  const missing = [...recorded].sort(byText).filter((entry) => {
    const at = surplus.findIndex((other) => isSame(entry, other));
    if (at >= 0) surplus.splice(at, 1);
    return at < 0;
  });
  return { missing, surplus };
}

function isSame(recorded: Entry, replayed: Entry): boolean {
  const apart = (entry: Entry) => entryText({ ...entry, expiresS: 0 });
  return apart(recorded) === apart(replayed) && timersAgree(recorded.expiresS, replayed.expiresS);
}

/** Equal lines by their seconds, so that each finds the one it may be matched with. */
function byText(a: Entry, b: Entry): number {
  const [first, second] = [entryText({ ...a, expiresS: 0 }), entryText({ ...b, expiresS: 0 })];
  return first === second ? a.expiresS - b.expiresS : first < second ? -1 : 1;
}
