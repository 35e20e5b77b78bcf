// What a visit is: one connection or flow of the traffic program, and the reading of a real server's answer.
import type { ServerAnswer, TrafficJob } from "../traffic-job.ts";
import type { Tally } from "./tally.ts";

/** One connection or flow: from where, how many requests, and where to note what comes of them. */
export interface Visit {
  readonly job: TrafficJob;
  readonly localAddress: string;
  /** For UDP: the port of this flow alone. A port that chance gave twice would be one flow to the director. */
  readonly localPort: number;
  readonly requests: number;
  readonly tally: Tally;
}

/** Reads an answer; undefined when it is none of our servers'. */
export function parseAnswer(text: string): ServerAnswer | undefined {
  try {
    const { server, client } = JSON.parse(text) as Partial<ServerAnswer>;
    return typeof server === "string" && typeof client === "string" ? { server, client } : undefined;
  } catch {
    return undefined;
  }
}
