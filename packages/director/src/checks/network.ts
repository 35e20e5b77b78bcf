// What checks ask of this machine's network: an interface, so that they can be tried on networks that nobody has.

/** How packets to an address leave this machine. */
export interface NetworkRoute {
  /** What becomes of them: sent on, kept by this machine, or sent to many. */
  readonly type: "unicast" | "local" | "broadcast" | "anycast" | "multicast";
  readonly interfaceName: string;
  /** The router that they go through; undefined if the address is on the interface's own link. */
  readonly gateway: string | undefined;
  /** The largest packet that goes that way, in bytes. */
  readonly mtu: number;
  /** The address that this machine's own packets there come from, where it has one. */
  readonly source: string | undefined;
}

/** An interface of this machine. */
export interface NetworkInterface {
  readonly name: string;
  readonly index: number;
  readonly isUp: boolean;
  /** In bytes. */
  readonly mtu: number;
}

/** An address of this machine, with the length of the prefix that it shares with its link. */
export interface OwnAddress {
  readonly interfaceName: string;
  readonly address: string;
  readonly prefixLength: number;
}

/** What the machine knows of an address on one of its links. */
export interface KnownNeighbour {
  readonly mac: string | undefined;
  /** `failed`: it was asked for and did not answer. */
  readonly state: string;
  /** Of `incomplete`: how long it has been asked for without an answer, in milliseconds. */
  readonly silentMs?: number;
}

/** This machine's network. */
export interface Network {
  /** The route to an address in text; undefined if there is none. */
  routeTo(address: string): NetworkRoute | undefined;
  interfaces(): readonly NetworkInterface[];
  addresses(): readonly OwnAddress[];
  /** Undefined where nothing is known. */
  neighbour(interfaceName: string, address: string): KnownNeighbour | undefined;
  /** The value of a kernel setting, such as "net.ipv4.conf.eth0.forwarding"; undefined where there is none. */
  setting(name: string): string | undefined;
}

/** What `ip route get` shows of a route: evidence that a person can look up. */
export function routeEvidence(address: string, { gateway, interfaceName }: NetworkRoute): string {
  return `ip route get ${address}: ${gateway === undefined ? "" : `via ${gateway} `}dev ${interfaceName}`;
}
