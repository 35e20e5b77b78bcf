// Judges the path of one packet: it goes by the hosts that the method says, each host changes what it may and must and
// nothing else, and the server sees the client's address where the method promises it. Pure.
import { endpointText } from "../addresses.ts";
import type { Expectation } from "../lab-report.ts";
import type { HostPath, LabLayout, LabMethod } from "../layout.ts";
import { hardwareAddressesOf } from "../layout.ts";
import type { HopReport, TraceReport } from "./trace-report.ts";
import type { ChangeKind } from "./wire-view.ts";

/** What the director must change of a request and of a reply, beside what every host on the way changes. */
const promisedChanges: Readonly<Record<LabMethod, { readonly [Way in "request" | "reply"]: readonly ChangeKind[] }>> = {
  nat: { request: ["destination"], reply: ["source"] },
  dr: { request: [], reply: [] },
  tun: { request: ["outer header"], reply: [] },
  fullnat: { request: ["source", "destination"], reply: ["source", "destination"] },
};

/** What any host on the way changes, and may change: MAC addresses always, the TTL by one. */
const everywhere: readonly ChangeKind[] = ["MAC addresses", "TTL"];

/** What judgement needs of a layout. */
export type TracedLayout = Pick<
  LabLayout,
  "method" | "serversSee" | "localAddresses" | "requestPath" | "replyPath" | "hosts" | "links"
>;

/** Everything that must hold of a trace; one expectation that fails where there is none. */
export function judgeTrace(layout: TracedLayout, trace: TraceReport | undefined): readonly Expectation[] {
  if (trace === undefined) {
    return [{ what: "one request and its reply are seen on their way", met: false, detail: "none was captured" }];
  }
  const { client, virtual, request, reply } = trace;
  return [
    judgePath("request", layout.requestPath, trace),
    judgePath("reply", layout.replyPath, trace),
    judgeChanges(layout, "request", request),
    judgeChanges(layout, "reply", reply),
    judgeSoundness(layout, [...request, ...reply]),
    {
      what: `the reply comes to the client from ${endpointText(virtual)}`,
      met:
        endpointText(reply.at(-1)?.view.source ?? client) === endpointText(virtual) &&
        endpointText(reply.at(-1)?.view.destination ?? virtual) === endpointText(client),
      detail: reply.length === 0 ? "no reply" : `from ${endpointText(reply.at(-1)?.view.source ?? client)}`,
    },
    judgeSeen(layout, trace),
  ];
}

function judgeSeen({ serversSee, localAddresses }: TracedLayout, trace: TraceReport): Expectation {
  const { client, clientSeen, server } = trace;
  const detail = `${server} saw ${endpointText(clientSeen)}, sent from ${endpointText(client)}`;
  if (serversSee.tcp === "director") {
    const met = localAddresses?.includes(clientSeen.address) === true;
    return { what: "the server sees a local address of the director", met, detail };
  }
  const met = endpointText(clientSeen) === endpointText(client);
  return { what: "the server sees the address and port that the client sent from", met, detail };
}

function judgePath(way: "request" | "reply", path: HostPath, trace: TraceReport): Expectation {
  const hops = trace[way];
  const wanted = path.map((host) => (host === "server" ? trace.server : host));
  const seen = hops.length === 0 ? [] : [hops[0]?.from, ...hops.map(({ to }) => to)];
  const isConnected = hops.every(({ from }, index) => index === 0 || hops[index - 1]?.to === from);
  return {
    what: `the ${way} goes ${wanted.join(" → ")}`,
    met: isConnected && seen.join() === wanted.join(),
    detail: seen.length === 0 ? "it was seen nowhere" : seen.join(" → "),
  };
}

function judgeChanges(
  { method, serversSee }: TracedLayout,
  way: "request" | "reply",
  hops: readonly HopReport[],
): Expectation {
  const isTold = method === "fullnat" && way === "request" && serversSee.tcp === "client";
  const promised = [...promisedChanges[method][way], ...(isTold ? (["client's address"] as const) : [])];
  const faults = hops.slice(1).flatMap(({ from, changes }) => {
    const kinds = changes.map(({ kind }) => kind);
    const wanted = from === "director" ? promised : [];
    const surplus = kinds.filter((kind) => !everywhere.includes(kind) && !wanted.includes(kind));
    const missing = [...wanted, "MAC addresses" as const].filter((kind) => !kinds.includes(kind));
    return [
      ...surplus.map((kind) => `${from} changes the ${kind}`),
      ...missing.map((kind) => `${from} leaves the ${kind} alone`),
    ];
  });
  const passesDirector = hops.some(({ from }) => from === "director");
  const change = passesDirector ? promised.join(" and ") || "nothing but MAC addresses and TTL" : "nothing";
  return {
    what: `of the ${way}, the director changes ${change}, the other hosts nothing`,
    met: faults.length === 0 && hops.length > 0,
    detail: faults.length === 0 ? `${hops.length} hops` : faults.join("; "),
  };
}

function judgeSoundness(layout: TracedLayout, hops: readonly HopReport[]): Expectation {
  const faults = hops.flatMap(({ from, to, view, problems }, index) => {
    const where = `${from} → ${to}`;
    const before = hops[index - 1]?.view;
    const isCounted = from === hops[index - 1]?.to && before?.outer === undefined && view.outer === undefined;
    const lost = isCounted && before !== undefined ? before.hopsToLive - view.hopsToLive : 0;
    return [
      ...problems.map((problem) => `${where}: ${problem}`),
      ...(hardwareAddressesOf(layout, from).includes(view.sourceMac) ? [] : [`${where}: from ${view.sourceMac}`]),
      ...(hardwareAddressesOf(layout, to).includes(view.destinationMac) ? [] : [`${where}: to ${view.destinationMac}`]),
      ...(isServer(from) || lost === 0 || lost === 1 ? [] : [`${where}: TTL less by ${lost}`]),
    ];
  });
  return {
    what: "on every cable MAC addresses, lengths, checksums and TTL are right",
    met: faults.length === 0,
    detail: faults.length === 0 ? `${hops.length} frames` : faults.join("; "),
  };
}

function isServer(host: string): boolean {
  return host.startsWith("server");
}
