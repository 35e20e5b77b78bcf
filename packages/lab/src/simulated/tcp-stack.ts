// TCP on a simulated host: brings segments to their connections, accepts where somebody listens and refuses elsewhere.
// What has a wrong checksum never arrives, so a balancer's arithmetic is checked with every segment.
import type { Tcp } from "@yardmaster/packet";
import { internetChecksum, ipProtocols, maximumSegmentSize, parseTcp, pseudoHeaderSum, tcp } from "@yardmaster/packet";

import { clientOptionOf } from "../trace/wire-view.ts";
import type { Host, LocalPacket } from "./host.ts";
import type { TcpEvents } from "./tcp-connection.ts";
import { MAXIMUM_SEGMENT, TcpConnection } from "./tcp-connection.ts";

/** An address and a port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Starts the program for one accepted connection: what it wants to be told. */
export type Acceptor = (connection: TcpConnection, client: Endpoint) => TcpEvents;

/** The first sequence number of the first connection; the others' lie apart from it. */
const SEQUENCE_STEP = 64_007;

/** The TCP of one host. */
export class TcpStack {
  readonly #host: Host;
  readonly #connections = new Map<string, TcpConnection>();
  readonly #acceptors = new Map<number, Acceptor>();
  #sequence = 1;

  constructor(host: Host) {
    this.#host = host;
    host.transports.set(ipProtocols.tcp, (packet) => this.#receive(packet));
  }

  /** How many connections are not over. */
  get size(): number {
    return this.#connections.size;
  }

  /** Accepts on all addresses of the host. */
  listen(port: number, acceptor: Acceptor): void {
    this.#acceptors.set(port, acceptor);
  }

  /** Opens a connection. */
  connect(local: Endpoint, remote: Endpoint, events: TcpEvents): TcpConnection {
    const connection = this.#create(local, remote, () => events);
    connection.open();
    return connection;
  }

  #create(local: Endpoint, remote: Endpoint, eventsOf: (connection: TcpConnection) => TcpEvents): TcpConnection {
    const key = connectionKey(local, remote);
    this.#sequence = (this.#sequence + SEQUENCE_STEP) >>> 0;
    const connection: TcpConnection = new TcpConnection(
      this.#sequence,
      ({ data, ...fields }) => {
        const options = fields.flags.includes("S") ? [maximumSegmentSize(MAXIMUM_SEGMENT)] : [];
        this.#send(local, remote, { ...fields, options }, data);
      },
      {
        opened: () => events.opened?.(),
        received: (data) => events.received(data),
        ended: () => events.ended(),
        closed: (cause) => {
          this.#connections.delete(key);
          events.closed(cause);
        },
      },
    );
    const events = eventsOf(connection);
    this.#connections.set(key, connection);
    return connection;
  }

  #receive({ source, destination, segment }: LocalPacket): void {
    if (internetChecksum(segment, pseudoHeaderSum(source, destination, ipProtocols.tcp, segment.length)) !== 0) return;
    const header = parseTcp(segment);
    const data = segment.subarray(header.headerLength);
    const local = { address: destination, port: header.destinationPort };
    const remote = { address: source, port: header.sourcePort };
    const known = this.#connections.get(connectionKey(local, remote));
    const acceptor = this.#acceptors.get(local.port);
    const told = this.#host.trustedDirectors.has(source) ? clientOptionOf(header) : undefined;
    if (told !== undefined && known !== undefined) known.clientTold ??= told;
    if (known !== undefined) known.receive(header, data);
    else if (header.flags === "S" && acceptor !== undefined) {
      this.#create(local, remote, (connection) => acceptor(connection, remote)).accept(header);
    } else if (!header.flags.includes("R")) this.#refuse(local, remote, header, data.length);
  }

  /** A segment that belongs to no connection is answered with RST (RFC 9293 §3.10.7.1). */
  #refuse(local: Endpoint, remote: Endpoint, { flags, sequence, acknowledgment }: Tcp, length: number): void {
    const consumed = length + (/[SF]/.test(flags) ? 1 : 0);
    const reset = flags.includes("A")
      ? { flags: "R", sequence: acknowledgment }
      : { flags: "RA", acknowledgment: (sequence + consumed) >>> 0 };
    this.#send(local, remote, reset, new Uint8Array());
  }

  #send(local: Endpoint, remote: Endpoint, fields: Partial<Tcp>, data: Uint8Array): void {
    const header = tcp({ ...fields, sourcePort: local.port, destinationPort: remote.port });
    this.#host.send({ source: local.address, destination: remote.address }, header, data);
  }
}

function connectionKey(local: Endpoint, remote: Endpoint): string {
  return `${local.address}:${local.port} ${remote.address}:${remote.port}`;
}
