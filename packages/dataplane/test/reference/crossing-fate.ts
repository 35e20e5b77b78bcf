// The reference's fate of packets between a client of one family and a server of the other.

import { type BalancerPlan, clientHop } from "../plan.ts";
import { crossable, crossed, crossingErrorFor } from "./crossing.ts";
import { type Fate, forward } from "./forward.ts";
import type { ReadFrame } from "./read-frame.ts";
import type { Opened, ReferenceConnection } from "./reference-connection.ts";
import { cleaned, type Telling, toldIn } from "./told.ts";

/** What is to be known to translate. */
export interface Translation {
  readonly plan: BalancerPlan;
  readonly telling: Telling;
  readonly answer: (error: Uint8Array) => Fate;
  readonly isExpired: (connection: ReferenceConnection) => boolean;
}

/** A client's packet to a server of the other family. */
export function crossingRequest(
  { plan, telling, answer }: Translation,
  frame: Uint8Array,
  read: ReadFrame,
  of: Opened,
): Fate {
  const { destination, local } = of;
  const bytes = crossable(frame, read);
  if (local === undefined || typeof bytes === "string") return { verdict: "drop", reason: bytes as "internal" };
  const clean = cleaned(telling.isOn, bytes, read, of);
  destination.traffic.packetsIn += 1;
  destination.traffic.bytesIn += read.totalLength;
  const error = crossingErrorFor(clean, read, destination.hop);
  if (typeof error === "string") return { verdict: "drop", reason: error };
  if (error !== undefined) return answer(error);
  const after = crossed({ bytes: clean, read }, { source: local, destination });
  const told = toldIn(telling, after.bytes, after.read, of, read);
  if (told !== undefined && "state" in of) (of as ReferenceConnection).isTold = true;
  const out = told ?? after;
  return forward(plan, out.bytes, out.read, destination.hop, "localExceedsMtu");
}

/** A server's packet to a client of the other family; `heard` is called where it counts for the connection. */
export function crossingReply(
  { plan, answer, isExpired }: Translation,
  frame: Uint8Array,
  read: ReadFrame,
  { connection, heard }: { readonly connection: ReferenceConnection; readonly heard: (bytes: Uint8Array) => void },
): Fate {
  const bytes = crossable(frame, read);
  if (typeof bytes === "string") return { verdict: "drop", reason: bytes };
  if (isExpired(connection)) return { verdict: "pass", frame: bytes, reason: "replyWithoutConnection" };
  heard(bytes);
  const error = crossingErrorFor(bytes, read, clientHop(plan));
  if (typeof error === "string") return { verdict: "drop", reason: error };
  if (error !== undefined) return answer(error);
  const { flow } = connection;
  const service = { address: flow.destination, port: flow.destinationPort };
  const client = { address: flow.source, port: flow.sourcePort };
  const after = crossed({ bytes, read }, { source: service, destination: client });
  return forward(plan, after.bytes, after.read, clientHop(plan), "exceedsMtu");
}
