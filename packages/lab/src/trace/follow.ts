// Follows packets of one connection from cable to cable: what was captured at many points becomes the path of one
// request and of one reply. Pure; the real and the simulated lab feed it.
import { sameBytes } from "@yardmaster/packet";

import type { CapturePoint } from "./capture-points.ts";
import type { Change, Endpoint, ReadFrame, WireView } from "./wire-view.ts";
import { changesBetween, readFrame } from "./wire-view.ts";

/** A frame that was seen at a point. */
export interface Sighting {
  readonly point: CapturePoint;
  readonly direction: "inbound" | "outbound";
  /** Nanoseconds since 1970 (of simulated time: since its start). */
  readonly timestampNs: bigint;
  readonly bytes: Uint8Array;
  readonly originalLength: number;
  /** Whether the transport checksum is left for an interface to fill in. */
  readonly checksumPending: boolean;
}

/** A packet on one cable, or on the cables to and from a switch, which changes nothing. */
export interface Hop {
  readonly from: string;
  readonly to: string;
  readonly view: WireView;
  /** What the host `from` changed; nothing where the packet began. */
  readonly changes: readonly Change[];
  /** Where it was captured: one place, or two at a switch. */
  readonly sightings: readonly Sighting[];
}

/** The request and the reply of one connection. */
export interface Trace {
  readonly client: Endpoint;
  readonly request: readonly Hop[];
  readonly reply: readonly Hop[];
}

/** A sighting that holds a packet of ours. */
interface Seen extends ReadFrame {
  readonly sighting: Sighting;
}

/**
 * Finds the first connection that a client opened to `virtual`, in it the first packet with contents each way, and
 * follows both; of the requests rather the first that somebody added the client's address to, if there is one.
 * Undefined where there is none. `sightings` may be in any order.
 */
export function follow(sightings: readonly Sighting[], virtual: Endpoint): Trace | undefined {
  const seen = sightings
    .toSorted((a, b) => Number(a.timestampNs - b.timestampNs))
    .flatMap((sighting): Seen[] => {
      const read = readFrame(sighting.bytes);
      return read === undefined ? [] : [{ ...read, sighting }];
    });
  const request = seen.find(({ sighting, view, contents }) => {
    return senderOf(sighting) === "client" && isSame(view.destination, virtual) && contents.length > 0;
  });
  if (request === undefined) return undefined;
  const client = request.view.source;
  const told = seen.find(({ view }) => view.clientOption !== undefined && isSame(view.clientOption, client));
  const followed = told ?? request;
  // A reply is known at the client's cable, where it is once more from whom the client asked.
  const reply = seen.find(
    ({ view, contents }) => isSame(view.source, virtual) && isSame(view.destination, client) && contents.length > 0,
  );
  return {
    client,
    request: hopsOf(seen.filter(({ identity }) => identity === followed.identity)),
    reply: hopsOf(seen.filter(({ identity }) => identity === reply?.identity)),
  };
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}

/** The host that put the frame on the cable. */
function senderOf({ point, direction }: Sighting): string {
  return direction === "outbound" ? point.host : point.peer.host;
}

function receiverOf({ point, direction }: Sighting): string {
  return direction === "outbound" ? point.peer.host : point.host;
}

function hopsOf(seen: readonly Seen[]): readonly Hop[] {
  const hops: Hop[] = [];
  for (const [index, { sighting, view }] of seen.entries()) {
    const previous = seen[index - 1]?.sighting;
    // The second cable at a switch is a part of the first one's hop.
    if (previous !== undefined && isPassedOn(previous, sighting)) {
      const last = hops.pop();
      if (last !== undefined) {
        hops.push({ ...last, to: receiverOf(sighting), sightings: [...last.sightings, sighting] });
        continue;
      }
    }
    const before = hops.at(-1)?.view;
    const changes = before === undefined ? [] : changesBetween(before, view);
    hops.push({ from: senderOf(sighting), to: receiverOf(sighting), view, changes, sightings: [sighting] });
  }
  return hops;
}

function isPassedOn(into: Sighting, outOf: Sighting): boolean {
  const isOneSwitch = into.point.isSwitch && into.point.host === outOf.point.host;
  const isThrough = into.direction === "inbound" && outOf.direction === "outbound";
  return isOneSwitch && isThrough && sameBytes(into.bytes, outOf.bytes);
}
