// The states of a connection as LVS defines them: transitions, timeouts, and which states are active.
// Source: shared behaviour reference §4, and net/netfilter/ipvs/ip_vs_proto_tcp.c for the facts.

/** State numbers as the kernel's IPVS has them (include/net/ip_vs.h); UDP follows behind. */
export const states = {
  NONE: 0,
  ESTABLISHED: 1,
  SYN_SENT: 2,
  SYN_RECV: 3,
  FIN_WAIT: 4,
  TIME_WAIT: 5,
  CLOSE: 6,
  CLOSE_WAIT: 7,
  LAST_ACK: 8,
  LISTEN: 9,
  SYNACK: 10,
  UDP: 11,
  /** Given up by whoever set it; the entry is about to be deleted. Ours, not LVS's. */
  CLAIMED: 15,
} as const;
export type StateName = keyof typeof states;

/** Name of a state number. */
export function stateName(state: number): StateName {
  const found = Object.entries(states).find(([, number]) => number === state);
  return (found?.[0] ?? "NONE") as StateName;
}

/** Bit n: state n counts as active. */
export const ACTIVE_STATES =
  (1 << states.ESTABLISHED) | (1 << states.SYN_SENT) | (1 << states.SYN_RECV) | (1 << states.SYNACK);

/** Bit n: in state n the handshake is not complete. */
export const HALF_OPEN_STATES = (1 << states.SYN_RECV) | (1 << states.SYNACK);

/** LVS's defaults in milliseconds, by state number. */
export const defaultTimeoutsMs: readonly number[] = [
  2_000, 900_000, 120_000, 60_000, 120_000, 120_000, 10_000, 60_000, 30_000, 120_000, 120_000, 300_000, 0, 0, 0, 0,
];

/** Which half of a connection a packet shows, and what the director sees of the other. */
export type TransitionTable = "request" | "reply" | "requestOnly";
/** Numbers of the tables in the transition bytes. */
export const transitionTables: Readonly<Record<TransitionTable, number>> = { request: 0, reply: 1, requestOnly: 2 };

/** Codes of the columns below. */
const column = { NO: 0, ES: 1, SS: 2, SR: 3, FW: 4, TW: 5, CL: 6, CW: 7, LA: 8, LI: 9, SA: 10 } as const;

/** `secure`: what IPVS goes by under attack (secure_tcp). With NAT, only what the server says establishes. */
export type TransitionRules = "normal" | "secure";

// Rows: syn, fin, ack, rst. Columns: NO ES SS SR FW TW CL CW LA LI SA.
const normalRows: Readonly<Record<TransitionTable, readonly string[]>> = {
  request: [
    "SR ES ES SR SR SR SR SR SR SR SR",
    "CL CW SS TW TW TW CL CW LA LI TW",
    "ES ES SS ES FW TW CL CW CL LI ES",
    "CL CL CL SR CL CL CL CL LA LI SR",
  ],
  reply: [
    "SS ES SS SR SS SS SS SS SS LI SR",
    "TW FW SS TW FW TW CL TW LA LI TW",
    "ES ES SS ES FW TW CL CW LA ES ES",
    "CL CL SS CL CL TW CL CL CL CL CL",
  ],
  requestOnly: [
    "SR ES ES SR SR SR SR SR SR SR SR",
    "CL FW SS TW FW TW CL CW LA LI TW",
    "ES ES SS ES FW TW CL CW CL LI ES",
    "CL CL CL SR CL CL CL CL LA LI CL",
  ],
};
const [, ...replyRowsButSyn] = normalRows.reply;
const [, ...requestOnlyRowsButSyn] = normalRows.requestOnly;
const rows: Readonly<Record<TransitionRules, typeof normalRows>> = {
  normal: normalRows,
  secure: {
    request: [
      "SR ES ES SR SR SR SR SR SR SR SA",
      "CL CW SS TW TW TW CL CW LA LI SA",
      "ES ES SS SR FW TW CL CW CL LI SA",
      "CL CL CL SR CL CL CL CL LA LI CL",
    ],
    reply: ["SS ES SS SA SS SS SS SS SS LI SA", ...replyRowsButSyn],
    requestOnly: ["SA ES ES SR SA SA SA SA SA SA SA", ...requestOnlyRowsButSyn],
  },
};

/** FIN SYN RST PSH ACK: the low five bits of TCP's flags take part in the index. */
export const FLAG_BITS = 5;
export const STATE_BITS = 4;
/** Four tables' worth, so that an index can be masked. */
export const TRANSITION_BYTES = 1 << (2 + FLAG_BITS + STATE_BITS);

/** Where the next state is: `table << 9 | (flags & 31) << 4 | state`. */
export function transitionIndex(table: TransitionTable, flags: number, state: number): number {
  return (transitionTables[table] << (FLAG_BITS + STATE_BITS)) | ((flags & 31) << STATE_BITS) | state;
}

/** The next state of `state` for a packet with these TCP flags; UDP stays UDP. */
export function nextState(
  table: TransitionTable,
  flags: number,
  state: number,
  rules: TransitionRules = "normal",
): number {
  if (state === states.UDP || state > states.SYNACK) return state;
  // The first that applies, in IPVS's order; a packet with none of them closes.
  const row = flags & 4 ? 3 : flags & 2 ? 0 : flags & 1 ? 1 : flags & 16 ? 2 : undefined;
  if (row === undefined) return states.CLOSE;
  const names = (rows[rules][table][row] as string).split(" ") as (keyof typeof column)[];
  return column[names[state] as keyof typeof column];
}

/** All tables as the bytes that the programs look up. */
export function transitionBytes(rules: TransitionRules = "normal"): number[] {
  const result = new Array<number>(TRANSITION_BYTES).fill(states.CLOSE);
  for (const table of Object.keys(transitionTables) as TransitionTable[]) {
    for (let flags = 0; flags < 32; flags++) {
      for (let state = 0; state < 16; state++) {
        result[transitionIndex(table, flags, state)] = nextState(table, flags, state, rules);
      }
    }
  }
  return result;
}
