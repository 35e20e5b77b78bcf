// Generic UDP encapsulation (draft-ietf-intarea-gue-09, include/net/gue.h), version 0, as the kernel's IPVS writes it
// for packets off the wire (ipvs_gue_encap in net/netfilter/ipvs/ip_vs_xmit.c): four bytes of header without options.
// IPVS adds the option of remote checksums only to packets whose checksum its own host has yet to finish, which none
// are here.

import { be16, struct, u8 } from "@yardmaster/ebpf";
import { IPPROTO_UDP, Udp } from "../../headers.ts";
import { reasons } from "../../reasons.ts";
import type { Encapsulation } from "./encapsulation.ts";

/** The 4 bytes: version, control bit and length of options; what is inside; flags. */
const Gue = struct("gue", { versionAndLength: u8, protocol: u8, flags: be16 });
const GueOverUdp = struct("gue_over_udp", { udp: Udp, gue: Gue });
/** Protocol numbers of what is inside. */
const INSIDE = { ipv4: 4, ipv6: 41 } as const;
/** Source ports are of the dynamic range, 49152 to 65535 (RFC 6335 §6, RFC 8086 §3.1): 14 bits of the hash. */
const FIRST_PORT = 0xc000;
const PORT_BITS = 14;

export const gue: Encapsulation = {
  name: "gue",
  code: 2,
  protocol: { ipv4: IPPROTO_UDP, ipv6: IPPROTO_UDP },
  size: { plain: GueOverUdp.size, withChecksum: GueOverUdp.size },
  checksum: { offset: Udp.offsets.check, covers: "pseudoHeader", zero: 0xffff },
  transport: "udp",
  tellsFlows: true,
  write(at, { inner, length, flowHash, port }) {
    const { udp, gue: header } = at.read(GueOverUdp).orDrop(reasons.internal);
    udp.source = flowHash
      .shr(32 - PORT_BITS)
      .or(FIRST_PORT)
      .toU16()
      .toNet();
    udp.destination = port;
    udp.length = length.add(GueOverUdp.size).toU16().toNet();
    udp.check = be16(0);
    header.versionAndLength = u8(0);
    header.protocol = u8(INSIDE[inner]);
    header.flags = be16(0);
  },
};
