// What the maps hold of a probe.

import type { families } from "@yardmaster/dataplane";
import type { JsOf } from "@yardmaster/ebpf";
import { addressWords } from "@yardmaster/packet";
import { familyOf } from "../address.ts";
import { destinationRecord } from "../live/records.ts";
import type { Probe } from "./probe.ts";

/** Content of the probes map. */
export type ProbeRecord = JsOf<(typeof families)["ipv4"]["Probe"]>;

/** What of this machine a probe depends on. */
export interface ProbeGround {
  /** The one that stands for the server. */
  readonly address: string;
  /** This machine's address towards another; undefined where there is no way. */
  readonly sourceTowards: (address: string) => string | undefined;
  /** All addresses of this machine. */
  readonly ownAddresses: () => readonly string[];
}

/** Content of the probes map; undefined where the server has nobody to answer to. */
export function probeRecord(probe: Probe, ground: ProbeGround): ProbeRecord | undefined {
  const { server, destination } = probe;
  const source = sourceOf(probe, ground);
  if (source === undefined) return undefined;
  const place = { owner: { service: 0 }, definition: server, isRemoved: false };
  const tunnelSource = server.forwarding === "tun" ? ground.sourceTowards(server.address) : source;
  return {
    server: destinationRecord(place, { hasRule: false, localPool: 0n, tunnelSource }),
    source: addressWords(source),
    destination: addressWords(destination.address),
    port: destination.port,
    reserved: 0,
  };
}

/**
 * Where the server sees the check come from. With nat from the address that stands for it, which it only reaches by its
 * way to clients; with full NAT from a local address; otherwise it answers directly, so from the director's own.
 */
function sourceOf({ server, family, localAddresses, authority }: Probe, ground: ProbeGround): string | undefined {
  switch (server.forwarding) {
    case "nat":
      return ground.address;
    case "fullnat":
      return localAddresses.find((address) => familyOf(address) === family);
    case "dr":
    case "tun": {
      const isSameFamily = familyOf(server.address) === family;
      const own = isSameFamily
        ? ground.sourceTowards(server.address)
        : ground.ownAddresses().find((address) => familyOf(address) === family && address !== authority.address);
      // The server has that address itself, and would keep its answer.
      return own === authority.address ? undefined : own;
    }
  }
}
