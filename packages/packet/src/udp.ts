// UDP headers (RFC 768), and the four bytes of ports that TCP, UDP and SCTP share and that are often all an
// ICMP error quotes of them.
import { checkField, concat, need, put16, u16 } from "./bytes.ts";
import { internetChecksum, udpChecksumOnWire } from "./checksum.ts";
import { ipProtocols } from "./ipv4.ts";
import type { Layer, Located } from "./layer.ts";
import { enclosingPseudoHeader } from "./layer.ts";

/** A parsed UDP header. */
export interface Udp extends Located {
  readonly layer: "udp";
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Header and contents in bytes, as written in the header. */
  readonly length: number;
  /** 0 says that there is none. */
  readonly checksum: number;
}

export interface UdpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly length?: number;
  /** Computed unless given; 0 sends none. */
  readonly checksum?: number;
}

/** The ports of a transport header whose rest is cut off, as in an ICMP error's quote. */
export interface Ports extends Located {
  readonly layer: "ports";
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** Reads a UDP header; throws PacketError when it is cut off. */
export function parseUdp(bytes: Uint8Array, offset = 0): Udp {
  need(bytes, offset, 8, "udp");
  return {
    layer: "udp",
    offset,
    headerLength: 8,
    sourcePort: u16(bytes, offset),
    destinationPort: u16(bytes, offset + 2),
    length: u16(bytes, offset + 4),
    checksum: u16(bytes, offset + 6),
  };
}

/** Reads source and destination port; throws PacketError when they are cut off. */
export function parsePorts(bytes: Uint8Array, offset = 0): Ports {
  need(bytes, offset, 4, "ports");
  return {
    layer: "ports",
    offset,
    headerLength: 4,
    sourcePort: u16(bytes, offset),
    destinationPort: u16(bytes, offset + 2),
  };
}

/** A UDP header to build. */
export function udp(fields: UdpFields): Layer {
  return {
    layer: "udp",
    ipProtocol: ipProtocols.udp,
    write(inside, { outer }) {
      const datagram = concat(new Uint8Array(8), inside);
      put16(datagram, 0, checkField("udp sourcePort", fields.sourcePort, 16));
      put16(datagram, 2, checkField("udp destinationPort", fields.destinationPort, 16));
      put16(datagram, 4, checkField("udp length", fields.length ?? datagram.length, 16));
      const computed = () => {
        const pseudoHeader = enclosingPseudoHeader("udp", ipProtocols.udp, datagram.length, outer);
        return udpChecksumOnWire(internetChecksum(datagram, pseudoHeader));
      };
      put16(datagram, 6, checkField("udp checksum", fields.checksum ?? computed(), 16));
      return datagram;
    },
  };
}

/** Two ports and nothing else; the IP header around it must be given its protocol. */
export function ports(fields: Pick<Ports, "sourcePort" | "destinationPort">): Layer {
  return {
    layer: "ports",
    write(inside) {
      const header = new Uint8Array(4);
      put16(header, 0, checkField("sourcePort", fields.sourcePort, 16));
      put16(header, 2, checkField("destinationPort", fields.destinationPort, 16));
      return concat(header, inside);
    },
  };
}
