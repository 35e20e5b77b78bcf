// Writes the path of one packet out for people, hop by hop.
import { endpointText } from "../addresses.ts";
import type { HopReport, TraceReport } from "./trace-report.ts";
import { viewLines } from "./wire-view.ts";

/** The lines of a trace: request, what the server saw, reply, where the captures are. */
export function traceLines(trace: TraceReport): readonly string[] {
  const { client, virtual, server, clientSeen, request, reply, captureFile } = trace;
  return [
    `one packet of ${endpointText(client)} to ${endpointText(virtual)}, hop by hop:`,
    ...request.flatMap((hop, index) => hopLines(hop, index + 1)),
    `${server} saw the client as ${endpointText(clientSeen)}; its reply:`,
    ...reply.flatMap((hop, index) => hopLines(hop, request.length + index + 1)),
    ...(captureFile === undefined ? [] : [`all frames of this connection, for Wireshark: ${captureFile}`]),
  ];
}

function hopLines(hop: HopReport, number: number): readonly string[] {
  const { from, to, view, checksumPending } = hop;
  const pending = checksumPending ? "; checksum left to the interface" : "";
  return [
    `  ${number}. ${from} → ${to}${changesText(hop, "short")}${pending}`,
    ...viewLines(view).map((line) => `       ${line}`),
  ];
}

/**
 * What the sending host changed, MAC addresses and TTL aside: everybody changes those. `short` names what was changed,
 * `whole` says from what to what.
 */
export function changesText({ from, changes }: Pick<HopReport, "from" | "changes">, length: "short" | "whole"): string {
  const told = changes.filter(({ kind }) => kind !== "MAC addresses" && kind !== "TTL");
  const isOnlyMacs = told.length === 0 && from === "director" && changes.length > 0;
  if (isOnlyMacs) return `: ${from} changed nothing but the MAC addresses${hasTtl(changes) ? " and the TTL" : ""}`;
  const texts = (["changed", "added", "removed"] as const).flatMap((verb) => {
    const done = told.filter((change) => change.verb === verb);
    const words = done.map(({ kind, text }) => (length === "short" ? `the ${kind}` : `the ${kind} ${text}`));
    return done.length === 0 ? [] : [`${verb} ${words.join(" and ")}`];
  });
  return texts.length === 0 ? "" : `: ${from} ${texts.join(", ")}`;
}

function hasTtl(changes: HopReport["changes"]): boolean {
  return changes.some(({ kind }) => kind === "TTL");
}
