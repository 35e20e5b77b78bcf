// Generic routing encapsulation (RFC 2784), with its checksum or without, as the kernel's IPVS writes it
// (ipvs_gre_encap in net/netfilter/ipvs/ip_vs_xmit.c).

import { be16, be32, struct } from "@yardmaster/ebpf";
import { ETH_P_IP, ETH_P_IPV6 } from "../../headers.ts";
import { reasons } from "../../reasons.ts";
import type { Encapsulation } from "./encapsulation.ts";

/** The first 4 bytes, and the 4 that follow where there is a checksum: that and 16 zero bits. */
const Gre = struct("gre", { flags: be16, protocol: be16 });
const GreChecksum = struct("gre_checksum", { checkAndReserved: be32 });
const HAS_CHECKSUM = 0x8000;
const ETHER_TYPES = { ipv4: ETH_P_IP, ipv6: ETH_P_IPV6 } as const;
const IPPROTO_GRE = 47;

export const gre: Encapsulation = {
  name: "gre",
  code: 3,
  protocol: { ipv4: IPPROTO_GRE, ipv6: IPPROTO_GRE },
  size: { plain: Gre.size, withChecksum: Gre.size + GreChecksum.size },
  checksum: { offset: Gre.size, covers: "itself", zero: 0 },
  transport: "gre",
  tellsFlows: false,
  write(at, { inner, hasChecksum }) {
    const header = at.read(Gre).orDrop(reasons.internal);
    header.flags = be16(hasChecksum ? HAS_CHECKSUM : 0);
    header.protocol = be16(ETHER_TYPES[inner]);
    if (hasChecksum) at.read(GreChecksum).orDrop(reasons.internal).checkAndReserved = be32(0);
  },
};
