// The packets of scenario steps: what clients send, what real servers answer in NAT, and what came of the first packet
// of each step. Remembers the connections that later steps go on with.
import type { Observed } from "./agreement.ts";
import type { Director } from "./director.ts";
import {
  clientDatagram,
  clientSegment,
  type Flow,
  messageOf,
  serverOf,
  serverSegment,
  type TcpKind,
} from "./frames.ts";
import type { Result, StepOf } from "./scenario-file.ts";
import type { Mode, Packet } from "./subject.ts";
import { endpointText } from "./topology.ts";

export type PacketStep = StepOf<"udp" | "syn" | "connect" | "close" | "rst" | "tcp">;

/** A connection that steps name. */
interface Connection {
  readonly flow: Flow;
  /** The server that its last forwarded packet went to. */
  server: string | undefined;
}

/** What a conversation is about. */
export interface Setting {
  readonly director: Director;
  readonly mode: Mode;
  /** Where packets go whose step does not say. */
  readonly virtual: { readonly address: string; readonly port: number } | undefined;
  /** The configured name of the server with that address. */
  readonly nameOf: (address: string) => string | undefined;
}

interface FlowStep {
  readonly src: string;
  readonly sport: number;
  readonly dst?: string | undefined;
  readonly dport?: number | undefined;
}

export class Conversation {
  readonly #setting: Setting;
  readonly #connections = new Map<number | string, Connection>();

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  /** Sends the packets of a step. What was recorded counts only for who answers when nobody was chosen here. */
  take(step: PacketStep, recorded: Result): Observed {
    switch (step.op) {
      case "udp":
        return this.#send(clientDatagram(this.#flowOf(step)));
      case "syn":
        return this.#segment(this.#open(step.c, step), "syn");
      case "connect":
        return this.#connect(this.#open(step.c, step));
      case "close":
        return this.#close(this.#known(step.c));
      case "rst":
        return this.#segment(this.#known(step.c), "rst");
      case "tcp": {
        const { src, sport, ...rest } = step;
        if ((src === undefined) !== (sport === undefined)) throw new Error("src and sport go together");
        const isNew = src !== undefined && sport !== undefined;
        const connection = isNew ? this.#open(step.c, { ...rest, src, sport }) : this.#known(step.c);
        return step.dir === "in"
          ? this.#segment(connection, step.kind)
          : this.#answer(connection, step.kind, recorded.conn?.server);
      }
    }
  }

  #open(name: number | string, step: FlowStep): Connection {
    const connection = { flow: this.#flowOf(step), server: undefined };
    this.#connections.set(name, connection);
    return connection;
  }

  #known(name: number | string): Connection {
    const connection = this.#connections.get(name);
    if (connection === undefined) throw new Error(`connection ${name} was never opened`);
    return connection;
  }

  #flowOf({ src, sport, dst, dport }: FlowStep): Flow {
    const { virtual } = this.#setting;
    const [destination, destinationPort] = [dst ?? virtual?.address, dport ?? virtual?.port];
    if (destination === undefined || destinationPort === undefined) {
      throw new Error("the step has no dst and dport, and a mark service has no address of its own");
    }
    return { source: src, sourcePort: sport, destination, destinationPort };
  }

  #send(packet: Packet): { readonly server: string | null; readonly reply: string | null } {
    const { director, mode, nameOf } = this.#setting;
    const leaving = director.receive(packet);
    const server = leaving.map((sent) => serverOf(sent, mode, nameOf)).find((name) => name !== undefined);
    const reply = leaving.map(messageOf).find((message) => message !== undefined);
    return { server: server ?? null, reply: reply ?? null };
  }

  #segment(connection: Connection, kind: TcpKind): Observed & { readonly server: string | null } {
    const { flow } = connection;
    const sent = this.#send(clientSegment(flow, kind));
    connection.server = sent.server ?? connection.server;
    return { ...sent, connection: entryOf(flow) };
  }

  /** A handshake; the server's half only in NAT, elsewhere it does not come through the director. */
  #connect(connection: Connection): Observed {
    const first = this.#segment(connection, "syn");
    if (first.server === null) return first;
    this.#serverHalf(connection, "synack");
    const { server } = this.#segment(connection, "ack");
    return server === first.server ? first : { ...first, ackServer: server };
  }

  #close(connection: Connection): Observed {
    const first = this.#segment(connection, "fin");
    if (first.server === null || this.#setting.mode !== "nat") return first;
    this.#serverHalf(connection, "fin");
    this.#segment(connection, "ack");
    return first;
  }

  #serverHalf({ flow, server }: Connection, kind: TcpKind): void {
    if (this.#setting.mode !== "nat" || server === undefined) return;
    this.#setting.director.receive(serverSegment(flow, server, kind));
  }

  /** A packet of the connection's server: what the client gets of it. */
  #answer({ flow, server }: Connection, kind: TcpKind, recordedServer: string | undefined): Observed {
    const sender = server ?? recordedServer;
    if (this.#setting.mode !== "nat") throw new Error("servers' packets pass the director in NAT only");
    if (sender === undefined) throw new Error("the connection has no server that could send a packet");
    const leaving = this.#setting.director.receive(serverSegment(flow, sender, kind));
    const forwarded = leaving.map(messageOf).find((message) => message !== undefined);
    return { forwarded: forwarded ?? null, connection: entryOf(flow) };
  }
}

/** The table's entry for a TCP connection. */
function entryOf(flow: Flow): NonNullable<Observed["connection"]> {
  const client = endpointText(flow.source, flow.sourcePort);
  return { protocol: "TCP", client, virtual: endpointText(flow.destination, flow.destinationPort) };
}
