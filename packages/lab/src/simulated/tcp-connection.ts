// One end of a TCP connection (RFC 9293) on a network that neither loses nor reorders: handshake, data in segments,
// a FIN each way. There is nothing to retransmit; what a balancer loses, the peer's patience runs out on.
import type { Tcp } from "@yardmaster/packet";

/** The largest segment on Ethernet: 1500 less two headers of 20 bytes. */
export const MAXIMUM_SEGMENT = 1460;

/** What an end says: a segment without its ports. */
export interface Segment {
  readonly flags: string;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly data: Uint8Array;
}

/** What the program on top is told. */
export interface TcpEvents {
  /** The handshake is done. */
  readonly opened?: () => void;
  readonly received: (data: Uint8Array) => void;
  /** The peer sends no more. */
  readonly ended: () => void;
  /** It is over: both ends are done, or for this reason. */
  readonly closed: (cause: "ECONNREFUSED" | "ECONNRESET" | undefined) => void;
}

const NOTHING = new Uint8Array();

/** One end. `open` (the client) or `accept` (the server) starts it. */
export class TcpConnection {
  /** Who the client is, as a director that this host trusts has told in an option. */
  clientTold: { readonly address: string; readonly port: number } | undefined;
  readonly #transmit: (segment: Segment) => void;
  readonly #events: TcpEvents;
  #state: "new" | "synSent" | "synReceived" | "open" | "closed" = "new";
  /** The next byte to send; bytes before `#acknowledged` have arrived. */
  #sendNext: number;
  #acknowledged: number;
  #receiveNext = 0;
  /** What the last segment sent has acknowledged. */
  #told = 0;
  #finSent = false;
  #finReceived = false;

  constructor(initialSequence: number, transmit: (segment: Segment) => void, events: TcpEvents) {
    this.#sendNext = initialSequence >>> 0;
    this.#acknowledged = this.#sendNext;
    this.#transmit = transmit;
    this.#events = events;
  }

  /** Asks for a connection. */
  open(): void {
    this.#state = "synSent";
    this.#say("S", NOTHING);
  }

  /** Answers a client's SYN. */
  accept({ sequence }: Pick<Tcp, "sequence">): void {
    this.#state = "synReceived";
    this.#receiveNext = (sequence + 1) >>> 0;
    this.#say("SA", NOTHING);
  }

  /** Sends data. Throws once the connection is not open any more or `end` was called: the caller's mistake. */
  send(data: Uint8Array): void {
    if (this.#state !== "open" || this.#finSent) throw new Error("sending on a TCP connection: it is not open");
    for (let at = 0; at < data.length; at += MAXIMUM_SEGMENT) {
      const part = data.subarray(at, at + MAXIMUM_SEGMENT);
      this.#say(at + part.length === data.length ? "PA" : "A", part);
    }
  }

  /** Says that nothing more comes from here. */
  end(): void {
    if (this.#state !== "open" || this.#finSent) return;
    this.#finSent = true;
    this.#say("FA", NOTHING);
    this.#closeWhenDone();
  }

  /** Gives the connection up, telling the peer. */
  abort(): void {
    if (this.#state === "closed") return;
    this.#say("RA", NOTHING);
    this.#finish(undefined);
  }

  /** Takes a segment of the peer. */
  receive(tcp: Tcp, data: Uint8Array): void {
    if (this.#state === "closed") return;
    if (tcp.flags.includes("R")) {
      this.#finish(this.#state === "synSent" ? "ECONNREFUSED" : "ECONNRESET");
      return;
    }
    if (tcp.flags.includes("A")) this.#acknowledged = tcp.acknowledgment;
    if (this.#state === "synSent") {
      this.#completeHandshake(tcp);
      return;
    }
    if (this.#state === "synReceived" && this.#acknowledged === this.#sendNext) {
      this.#state = "open";
      this.#events.opened?.();
    }
    const end = (tcp.sequence + data.length) >>> 0;
    // Out of place: say once more what is wanted (RFC 9293 §3.10.7.4).
    if (tcp.sequence !== this.#receiveNext) this.#say("A", NOTHING);
    else this.#take(data, end, tcp.flags.includes("F"));
    this.#closeWhenDone();
  }

  #completeHandshake({ flags, sequence }: Tcp): void {
    if (!flags.includes("S") || this.#acknowledged !== this.#sendNext) return;
    this.#receiveNext = (sequence + 1) >>> 0;
    this.#state = "open";
    this.#say("A", NOTHING);
    this.#events.opened?.();
  }

  /** Data and FIN in their place: told to the program, whose answer carries the acknowledgment if it comes at once. */
  #take(data: Uint8Array, end: number, isLast: boolean): void {
    this.#receiveNext = isLast ? (end + 1) >>> 0 : end;
    this.#finReceived ||= isLast;
    if (data.length > 0) this.#events.received(data);
    if (isLast) this.#events.ended();
    if (this.#told !== this.#receiveNext) this.#say("A", NOTHING);
  }

  #closeWhenDone(): void {
    if (this.#finSent && this.#finReceived && this.#acknowledged === this.#sendNext) this.#finish(undefined);
  }

  #finish(cause: "ECONNREFUSED" | "ECONNRESET" | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#events.closed(cause);
  }

  #say(flags: string, data: Uint8Array): void {
    const sequence = this.#sendNext;
    // SYN and FIN take a number of their own (RFC 9293 §3.4).
    this.#sendNext = (sequence + data.length + (/[SF]/.test(flags) ? 1 : 0)) >>> 0;
    this.#told = this.#receiveNext;
    this.#transmit({ flags, sequence, acknowledgment: this.#receiveNext, data });
  }
}
