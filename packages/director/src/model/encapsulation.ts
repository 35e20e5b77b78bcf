// How `tun` wraps a packet on its way to a server, and what that costs in every packet.
import { type FamilyName, tunnelOverhead } from "@yardmaster/dataplane";

/** The words that people write. */
export const encapsulations = ["ipip", "gue", "gre"] as const;

/** The kind of an encapsulation. */
export type EncapsulationName = (typeof encapsulations)[number];

/** An encapsulation with its parameters. */
export type Encapsulation =
  /** IP in IP (RFC 2003, RFC 2473): nothing but an outer header. */
  | { readonly kind: "ipip" }
  /** Generic UDP encapsulation, as Linux's fou does it (draft-ietf-intarea-gue): UDP to this port, and four bytes. */
  | { readonly kind: "gue"; readonly port: number; readonly checksum: boolean }
  /** Generic routing encapsulation (RFC 2784). */
  | { readonly kind: "gre"; readonly checksum: boolean };

/** IANA's port of GUE, ipvsadm's `--tun-port` in most examples. */
export const defaultGuePort = 6080;

/** What a destination gets that says nothing of it. */
export const defaultEncapsulation: Encapsulation = { kind: "ipip" };

/** Whether its headers carry a checksum over what is inside. */
export function hasChecksum(encapsulation: Encapsulation): boolean {
  return encapsulation.kind !== "ipip" && encapsulation.checksum;
}

/** Bytes that it adds to every packet to a server of this family. */
export function encapsulationOverhead(encapsulation: Encapsulation, serverFamily: FamilyName): number {
  return tunnelOverhead(encapsulation.kind, serverFamily, { hasChecksum: hasChecksum(encapsulation) });
}

/** For people: `ipip`, `gue port 6080 with checksum`. */
export function encapsulationText(encapsulation: Encapsulation): string {
  const port = encapsulation.kind === "gue" ? ` port ${encapsulation.port}` : "";
  const checksum = encapsulation.kind !== "ipip" && encapsulation.checksum ? " with checksum" : "";
  return `${encapsulation.kind}${port}${checksum}`;
}
