// UDP on a simulated host: brings datagrams to whoever is bound to their port.
import { internetChecksum, ipProtocols, parseUdp, pseudoHeaderSum, udp } from "@yardmaster/packet";

import type { Host, LocalPacket } from "./host.ts";
import type { Endpoint } from "./tcp-stack.ts";

/** What came, from whom, and to which of the host's addresses. */
export interface Datagram {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly data: Uint8Array;
}

/** The UDP of one host. */
export class UdpStack {
  readonly #host: Host;
  readonly #receivers = new Map<number, (datagram: Datagram) => void>();

  constructor(host: Host) {
    this.#host = host;
    host.transports.set(ipProtocols.udp, (packet) => this.#receive(packet));
  }

  /** Receives what comes to this port, at all addresses of the host; the one before is not told any more. */
  bind(port: number, receive: (datagram: Datagram) => void): void {
    this.#receivers.set(port, receive);
  }

  /** Receives at this port no more. */
  unbind(port: number): void {
    this.#receivers.delete(port);
  }

  /** Sends a datagram. */
  send({ from, to, data }: Datagram): void {
    const header = udp({ sourcePort: from.port, destinationPort: to.port });
    this.#host.send({ source: from.address, destination: to.address }, header, data);
  }

  #receive({ source, destination, segment }: LocalPacket): void {
    const header = parseUdp(segment);
    // 0 says that the sender computed none (RFC 768).
    const sum = pseudoHeaderSum(source, destination, ipProtocols.udp, segment.length);
    if (header.checksum !== 0 && internetChecksum(segment, sum) !== 0) return;
    this.#receivers.get(header.destinationPort)?.({
      from: { address: source, port: header.sourcePort },
      to: { address: destination, port: header.destinationPort },
      data: segment.subarray(header.headerLength),
    });
  }
}
