// A real server of the simulated network: answers HTTP requests and UDP datagrams with its name and the client it saw,
// after a moment of work.
import type { EventQueue } from "./event-queue.ts";
import { HttpReader, httpBytes } from "./http-message.ts";
import type { TcpConnection } from "./tcp-connection.ts";
import type { Acceptor, Endpoint, TcpStack } from "./tcp-stack.ts";
import type { UdpStack } from "./udp-stack.ts";

/** Makes an answer longer than the request, so that replies show in byte counts. */
const FILLING = "x".repeat(1000);

/** What a server works with. */
export interface RealServer {
  readonly name: string;
  readonly queue: EventQueue;
  readonly tcp: TcpStack;
  readonly udp: UdpStack;
  /** How long the next answer takes, in milliseconds. */
  readonly workMs: () => number;
}

/** Listens on these ports; returns the TCP connections that are open, by port: a view of the moment it is read at. */
export function startRealServer(
  server: RealServer,
  ports: { readonly tcp: readonly number[]; readonly udp: readonly number[] },
): Readonly<Record<number, number>> {
  const open = Object.fromEntries(ports.tcp.map((port) => [port, 0]));
  for (const port of ports.tcp) {
    const count = (difference: 1 | -1): void => {
      open[port] = (open[port] ?? 0) + difference;
    };
    server.tcp.listen(port, httpServer(server, count));
  }
  for (const port of ports.udp) {
    server.udp.bind(port, ({ from, to }) => {
      const data = new TextEncoder().encode(answerText(server, from));
      // Answered from the address that was asked: with direct routing that is the service's.
      server.queue.after(server.workMs(), () => server.udp.send({ from: to, to: from, data }));
    });
  }
  return open;
}

function httpServer(server: RealServer, count: (difference: 1 | -1) => void): Acceptor {
  return (connection, client) => {
    count(1);
    const reader = new HttpReader();
    let isOver = false;
    return {
      received: (data) => {
        for (const { headers } of reader.push(data)) {
          const isLast = headers.get("connection") === "close";
          server.queue.after(server.workMs(), () => {
            if (!isOver) answer(connection, answerText(server, connection.clientTold ?? client), isLast);
          });
        }
      },
      ended: () => {
        isOver = true;
        connection.end();
      },
      closed: () => {
        count(-1);
        isOver = true;
      },
    };
  };
}

function answer(connection: TcpConnection, body: string, isLast: boolean): void {
  const headers = { "Content-Type": "application/json", Connection: isLast ? "close" : "keep-alive" };
  connection.send(httpBytes("HTTP/1.1 200 OK", headers, `${body}\n`));
  if (isLast) connection.end();
}

function answerText({ name }: RealServer, { address, port }: Endpoint): string {
  return JSON.stringify({ server: name, client: `${address}:${port}`, filling: FILLING });
}
