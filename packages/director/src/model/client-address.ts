// How full NAT tells a server who the client is, although packets come from an address of the director.

/** `toa`: a TCP option (kind 254) of the packet that ends the handshake, as DPVS and Alibaba's LVS write it. */
export const clientAddresses = ["toa", "none"] as const;

/** A value of `clientAddress`. */
export type ClientAddress = (typeof clientAddresses)[number];

/** Ways that are known by name and not built. */
export const plannedClientAddresses = ["proxy-v2"] as const;
