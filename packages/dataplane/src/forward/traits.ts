// What is known of the forwarding methods without their code: names, numbers, and which way replies come. The maps are
// laid out by it, which the methods themselves are written for.

/** Names as the configuration has them. */
export type MethodName = "nat" | "tun" | "dr" | "fullnat";

export interface MethodTraits {
  /** Its number in connections and destinations. */
  readonly code: number;
  /** Whether replies come back through the director and have an entry of their own. */
  readonly hasReplies: boolean;
  /**
   * Whether the server answers to an address of the director's own, of which each connection has a port. Such a
   * connection holds that address and port, and its destination the server's.
   */
  readonly hasLocalAddress: boolean;
}

export const traits: Readonly<Record<MethodName, MethodTraits>> = {
  nat: { code: 1, hasReplies: true, hasLocalAddress: false },
  tun: { code: 2, hasReplies: false, hasLocalAddress: false },
  dr: { code: 3, hasReplies: false, hasLocalAddress: false },
  fullnat: { code: 4, hasReplies: true, hasLocalAddress: true },
};

/** Whether any of these has a way back through the director. */
export function hasReplies(names: readonly MethodName[]): boolean {
  return names.some((name) => traits[name].hasReplies);
}

/** Whether servers of any of these answer to addresses of the director's own. */
export function hasLocalAddress(names: readonly MethodName[]): boolean {
  return names.some((name) => traits[name].hasLocalAddress);
}

/** Those whose servers answer to the client's address, through the director. */
export function answeringClients(names: readonly MethodName[]): MethodName[] {
  return names.filter((name) => traits[name].hasReplies && !traits[name].hasLocalAddress);
}
