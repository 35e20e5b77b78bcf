// The reference's TCP states: the three tables of LVS as its documentation prints them, by name.

import type { TransitionRules } from "../../src/index.ts";

export type State = "NONE" | "ES" | "SS" | "SR" | "FW" | "TW" | "CL" | "CW" | "LA" | "LI" | "SA" | "UDP";

export const ORDER: readonly State[] = ["NONE", "ES", "SS", "SR", "FW", "TW", "CL", "CW", "LA", "LI", "SA"];

export type Direction = "in" | "out" | "in-only";
type Event = "syn" | "fin" | "ack" | "rst";

type Tables = Readonly<Record<Direction, Readonly<Record<Event, string>>>>;

const NORMAL: Tables = {
  in: {
    syn: "SR ES ES SR SR SR SR SR SR SR SR",
    fin: "CL CW SS TW TW TW CL CW LA LI TW",
    ack: "ES ES SS ES FW TW CL CW CL LI ES",
    rst: "CL CL CL SR CL CL CL CL LA LI SR",
  },
  out: {
    syn: "SS ES SS SR SS SS SS SS SS LI SR",
    fin: "TW FW SS TW FW TW CL TW LA LI TW",
    ack: "ES ES SS ES FW TW CL CW LA ES ES",
    rst: "CL CL SS CL CL TW CL CL CL CL CL",
  },
  "in-only": {
    syn: "SR ES ES SR SR SR SR SR SR SR SR",
    fin: "CL FW SS TW FW TW CL CW LA LI TW",
    ack: "ES ES SS ES FW TW CL CW CL LI ES",
    rst: "CL CL CL SR CL CL CL CL LA LI CL",
  },
};

/** What secure_tcp has in their place. */
const SECURE: Tables = {
  in: {
    syn: "SR ES ES SR SR SR SR SR SR SR SA",
    fin: "CL CW SS TW TW TW CL CW LA LI SA",
    ack: "ES ES SS SR FW TW CL CW CL LI SA",
    rst: "CL CL CL SR CL CL CL CL LA LI CL",
  },
  out: { ...NORMAL.out, syn: "SS ES SS SA SS SS SS SS SS LI SA" },
  "in-only": { ...NORMAL["in-only"], syn: "SA ES ES SR SA SA SA SA SA SA SA" },
};
const TABLES: Readonly<Record<TransitionRules, Tables>> = { normal: NORMAL, secure: SECURE };

/** Seconds that an entry lives in a state. */
export const SECONDS: Readonly<Record<State, number>> = {
  NONE: 2,
  ES: 900,
  SS: 120,
  SR: 60,
  FW: 120,
  TW: 120,
  CL: 10,
  CW: 60,
  LA: 30,
  LI: 120,
  SA: 120,
  UDP: 300,
};

const ACTIVE: readonly State[] = ["ES", "SS", "SR", "SA"];
export const isActive = (state: State): boolean => ACTIVE.includes(state);

/** What a packet with these TCP flags does to `state`: RST, else SYN, else FIN, else ACK, else it closes. */
export function after(state: State, direction: Direction, flags: number, rules: TransitionRules = "normal"): State {
  if (state === "UDP") return "UDP";
  const event = flags & 4 ? "rst" : flags & 2 ? "syn" : flags & 1 ? "fin" : flags & 16 ? "ack" : undefined;
  if (event === undefined) return "CL";
  return TABLES[rules][direction][event].split(" ")[ORDER.indexOf(state)] as State;
}

/** The handshake is not complete. */
export const isHalfOpen = (state: State): boolean => state === "SR" || state === "SA";
