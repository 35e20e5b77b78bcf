// The configuration as people write it: a map of plain values, which becomes YAML or JSON. Only what IPVS, ipvsadm and
// keepalived know of; the director's schema (director/config) has the rest and decides what is right.

/** A check in its written form: `{ http: { path: / }, interval: 6s }`. */
export type CheckDocument = Readonly<Record<string, unknown>>;

/** How tun wraps packets, as written. */
export type EncapsulationDocument =
  | "ipip"
  | "gue"
  | "gre"
  | { readonly gue: { readonly port?: number; readonly checksum?: boolean } }
  | { readonly gre: { readonly checksum?: boolean } };

/** The forwarding methods of IPVS. */
export type IpvsMethod = "nat" | "dr" | "tun";

/** An entry of `servers`. */
export interface ServerDocument {
  readonly address: string;
  readonly port?: number;
  readonly weight?: number;
  readonly forwarding?: string;
  readonly encapsulation?: EncapsulationDocument;
  readonly upperThreshold?: number;
  readonly lowerThreshold?: number;
  readonly checks?: readonly CheckDocument[];
}

/** An entry of `services`. */
export interface ServiceDocument {
  readonly address?: string;
  readonly addresses?: readonly string[];
  readonly port?: number | string;
  readonly protocol?: string;
  readonly mark?: number;
  readonly scheduler?: string;
  readonly schedulerOptions?: readonly string[];
  readonly forwarding: string;
  readonly encapsulation?: EncapsulationDocument;
  readonly persistence?: string | { readonly timeout: string; readonly netmask?: number };
  readonly onePacket?: boolean;
  readonly checks?: readonly CheckDocument[];
  readonly onDown?: string;
  readonly quorum?: number;
  readonly sorryServer?: { readonly address: string; readonly port?: number; readonly forwarding?: string };
  readonly servers: readonly ServerDocument[];
}

/** A whole file. */
export interface ConfigurationDocument {
  readonly director?: Readonly<Record<string, unknown>>;
  readonly services: Readonly<Record<string, ServiceDocument>>;
}
