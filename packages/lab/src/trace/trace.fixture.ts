// The captures of a connection in which everything went well, built frame by frame. Tests change them.
import { ethernet, frame, ipv4, ipv6, tcp } from "@yardmaster/packet";

import type { LabLayout } from "../layout.ts";
import { hardwareAddressOf } from "../layout.ts";
import { capturePoints } from "./capture-points.ts";
import type { Sighting } from "./follow.ts";
import type { Endpoint } from "./wire-view.ts";

/** A packet's addresses and TTL on one cable. */
export interface Leg {
  readonly from: string;
  readonly to: string;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly ttl: number;
}

const clientPort = 40_000;

/** The client of the connection. */
export function clientOf(layout: LabLayout): Endpoint {
  return { address: layout.clientAddresses[0] ?? "", port: clientPort };
}

/** Request and reply of the layout's first client, service and server on all their legs, for nat and dr. */
export function goodLegs(layout: LabLayout): { readonly request: readonly Leg[]; readonly reply: readonly Leg[] } {
  const [service] = layout.services;
  const [destination] = service?.destinations ?? [];
  if (service === undefined || destination === undefined) throw new Error("the layout has no service");
  const virtual = { address: service.address, port: service.port };
  const real = layout.method === "nat" ? { address: destination.address, port: destination.port } : virtual;
  const client = clientOf(layout);
  const legs = (path: readonly string[], ends: (isPastDirector: boolean) => Pick<Leg, "source" | "destination">) => {
    const hosts = path.map((host) => (host === "server" ? "server1" : host));
    return hosts.slice(1).map((to, at): Leg => {
      const from = hosts[at] ?? "";
      return { from, to, ...ends(at >= hosts.indexOf("director") && hosts.includes("director")), ttl: 64 - at };
    });
  };
  return {
    request: legs(layout.requestPath, (isPast) => ({ source: client, destination: isPast ? real : virtual })),
    reply: legs(layout.replyPath, (isPast) => ({ source: isPast ? virtual : real, destination: client })),
  };
}

/** What the capture points of the layout see of a packet on these legs, one leg a microsecond after the other. */
export function sightingsOf(layout: LabLayout, legs: readonly Leg[], contents: string, startNs = 0n): Sighting[] {
  const points = capturePoints(layout);
  return legs.flatMap((leg, at) => {
    const segment = points.filter(({ host, peer }) => {
      const ends = [host, peer.host];
      const isDirect = ends.includes(leg.from) && ends.includes(leg.to);
      return isDirect || (host === "switch" && (peer.host === leg.from || peer.host === leg.to));
    });
    const isDirect = segment.some(({ host }) => host !== "switch");
    const used = isDirect ? segment.filter(({ host }) => host !== "switch") : segment;
    const inOrder = used.toSorted((a) => (a.peer.host === leg.from ? -1 : 1));
    const ends = used.flatMap(({ peer, ...point }) => [point, peer]);
    const macOf = (host: string): string => {
      const end = ends.find((each) => each.host === host);
      return end === undefined ? "" : hardwareAddressOf(layout, end);
    };
    const { source, destination, ttl } = leg;
    const addresses = { source: source.address, destination: destination.address };
    const bytes = frame(
      ethernet({ source: macOf(leg.from), destination: macOf(leg.to) }),
      layout.family === "ipv4" ? ipv4({ ...addresses, ttl }) : ipv6({ ...addresses, hopLimit: ttl }),
      tcp({ sourcePort: source.port, destinationPort: destination.port, flags: "PA", sequence: 7, acknowledgment: 9 }),
      contents,
    );
    return inOrder.map((point, within): Sighting => {
      const direction = point.peer.host === leg.from ? "inbound" : "outbound";
      const timestampNs = startNs + BigInt(at * 1000 + within);
      return { point, direction, timestampNs, bytes, originalLength: bytes.length, checksumPending: false };
    });
  });
}

/** Everything that is seen of the connection. */
export function goodSightings(layout: LabLayout): Sighting[] {
  const { request, reply } = goodLegs(layout);
  return [...sightingsOf(layout, request, "GET /"), ...sightingsOf(layout, reply, "200 OK", 1_000_000n)];
}
