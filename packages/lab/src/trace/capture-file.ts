// A capture of a connection at many points as a pcapng file: an interface for each point, comments on the packets whose
// path is followed. Wireshark shows both.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { buildPcapng } from "@yardmaster/packet";

import { LabError } from "../lab-error.ts";
import type { CapturePoint } from "./capture-points.ts";
import { pointName } from "./capture-points.ts";
import type { Hop, Sighting, Trace } from "./follow.ts";
import { changesText } from "./trace-text.ts";

/** The bytes of the file. */
export function captureBytes(
  points: readonly CapturePoint[],
  sightings: readonly Sighting[],
  trace: Trace | undefined,
): Uint8Array {
  const names = points.map(pointName);
  const comments = new Map<Sighting, string>();
  const number = (what: string, hops: readonly Hop[]): void => {
    for (const [index, hop] of hops.entries()) {
      const text = `${what}, hop ${index + 1}: ${hop.from} → ${hop.to}${changesText(hop, "whole")}`;
      for (const sighting of hop.sightings) comments.set(sighting, text);
    }
  };
  number("request", trace?.request ?? []);
  number("reply", trace?.reply ?? []);
  return buildPcapng({
    interfaces: points.map((point) => ({
      name: pointName(point),
      description: `${point.host}'s end of its cable to ${pointName(point.peer)}`,
    })),
    packets: sightings
      .toSorted((a, b) => Number(a.timestampNs - b.timestampNs))
      .map((sighting) => {
        const { timestampNs, bytes, originalLength, direction } = sighting;
        const comment = comments.get(sighting);
        const about = {
          interface: names.indexOf(pointName(sighting.point)),
          timestampNs,
          bytes,
          originalLength,
          direction,
        };
        return comment === undefined ? about : { ...about, comment };
      }),
  });
}

/**
 * The folder for capture files: the one asked for, made where it is missing, or a new one among the temporary files.
 * Throws YM_LAB_OPTIONS where it cannot be made.
 */
export function captureFolder(wanted: string | undefined): string {
  if (wanted === undefined) return mkdtempSync(join(tmpdir(), "yardmaster-lab-"));
  try {
    mkdirSync(wanted, { recursive: true });
    return wanted;
  } catch (cause) {
    const what = `the folder "${wanted}" cannot be made: ${(cause as Error).message}`;
    throw new LabError("YM_LAB_OPTIONS", `saving captures: ${what}; choose another`, { cause });
  }
}

/** Writes the file into a folder that exists; returns its path. */
export function saveCapture(folder: string, name: string, bytes: Uint8Array): string {
  const path = join(folder, `${name}.pcapng`);
  writeFileSync(path, bytes);
  return path;
}
