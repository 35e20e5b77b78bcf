// The packet-forwarding methods: how a packet for the virtual service reaches the chosen destination.
// The names are the values people write; what each does to a packet lives in the dataplane package.

/** Forwarding methods that this version runs. */
export const forwardingMethods = ["nat", "dr", "tun"] as const;

/**
 * `nat` rewrites the destination address and port, both ways; `dr` changes the destination MAC address only; `tun` wraps
 * the packet in another one.
 */
export type ForwardingMethod = (typeof forwardingMethods)[number];

/** Forwarding methods that are known by name and not built yet. */
export const plannedForwardingMethods = ["fullnat"] as const;

/** Whether replies come back through the director, so that it can count (and must rewrite) them. */
export function seesReplies(method: ForwardingMethod): boolean {
  return method === "nat";
}
