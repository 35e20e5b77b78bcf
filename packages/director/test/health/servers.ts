// Servers on loopback for checks to ask, one attempt of a check, and what a process has open before and after.
import { createSocket } from "node:dgram";
import { readdirSync, readlinkSync } from "node:fs";
import type { AddressInfo, Server, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { attempt, type Ended } from "../../src/health/attempt.ts";
import { beginOf } from "../../src/health/begin.ts";
import { systemClock } from "../../src/health/clock.ts";
import type { Probe } from "../../src/model/check.ts";

/** A server that listens, and ends with all its connections. */
export interface Listening extends AsyncDisposable {
  readonly port: number;
}

/** Has a server listen on a free port of loopback. */
export async function listening(
  server: Pick<Server, "listen" | "address" | "close" | "on" | "once">,
  address = "127.0.0.1",
): Promise<Listening> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
  };
  server.on("connection", keep);
  // Clients reset their connections: that is no failure of a server's.
  server.on("tlsClientError" as "error", () => undefined);
  server.on("secureConnection" as "connection", (socket: Socket) => socket.on("error", () => undefined));
  server.on("sessionError" as "error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  let isOpen = true;
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      if (!isOpen) return;
      isOpen = false;
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

/** A UDP server on loopback; `answer` may send any number of datagrams back. */
export async function listeningUdp(
  answer: (message: Buffer, send: (reply: Uint8Array) => void) => void,
): Promise<Listening> {
  const socket = createSocket("udp4");
  socket.on("message", (message, { port, address }) => {
    answer(message, (reply) => socket.send(reply, port, address, () => undefined));
  });
  await new Promise<void>((resolve) => void socket.bind(0, "127.0.0.1", resolve));
  return {
    port: socket.address().port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void socket.close(() => resolve())),
  };
}

/** Writes this to whoever connects, and leaves the connection open. */
export function answerWith(socket: Socket, bytes: string | Uint8Array): void {
  socket.on("error", () => undefined);
  socket.resume();
  if (bytes.length > 0) socket.write(bytes);
}

/** One attempt of a check against loopback. */
export function probeOnce(
  probe: Probe,
  port: number,
  { address = "127.0.0.1", timeoutMs = 5000 }: { readonly address?: string; readonly timeoutMs?: number } = {},
): Promise<Ended> {
  // Its timers keep no process alive; the test does.
  return new Promise((resolve) => {
    attempt(beginOf(probe), { clock: systemClock, target: { address, port }, timeoutMs }, resolve);
  });
}

/** What is open now; `left()` says what has come since and does not go away. */
export function openResources(): { readonly left: () => Promise<readonly string[]> } {
  const before = count();
  return {
    left: async () => {
      let left: readonly string[] = [];
      for (let round = 0; round < 100; round++) {
        left = [...count()].filter(([what, many]) => many > (before.get(what) ?? 0)).map(([what]) => what);
        if (left.length === 0) break;
        await sleep(20);
      }
      return left;
    },
  };
}

/** Sockets and pipes by kind, child processes, and the event loop's own list. */
function count(): ReadonlyMap<string, number> {
  const all = new Map<string, number>();
  const add = (what: string) => all.set(what, (all.get(what) ?? 0) + 1);
  for (const descriptor of readdirSync("/proc/self/fd")) {
    try {
      add(readlinkSync(`/proc/self/fd/${descriptor}`).replace(/:.*/, ""));
    } catch {
      // The one that the listing itself had open.
    }
  }
  const loop = ["TCPSocketWrap", "TCPServerWrap", "UDPWrap", "TLSWrap", "ProcessWrap", "PipeWrap", "Http2Session"];
  for (const name of process.getActiveResourcesInfo()) if (loop.includes(name)) add(name);
  return all;
}
