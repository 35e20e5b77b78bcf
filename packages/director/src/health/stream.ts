// The connection that stream checks begin with: TCP, or TLS on it. Checks get it when it is ready.
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { TlsSettings } from "../model/check.ts";
import { bad, failed, type Answer, type Target } from "./exchange.ts";

/** What a check does with its connection. */
export interface StreamHandlers {
  readonly ready: (socket: Socket) => void;
  /** It failed, or the server ended it where `ended` is absent. */
  readonly done: (answer: Answer) => void;
  /** The server ended its side. */
  readonly ended?: () => void;
}

/** A connection under way. */
export interface Stream {
  readonly socket: Socket;
  readonly close: () => void;
  readonly waitingFor: () => string;
}

/** Opens a TCP connection. It is reset at the end: nothing of it is left in TIME_WAIT on either side. */
export function openStream(target: Target, { ready, done, ended }: StreamHandlers): Stream {
  let isReady = false;
  const socket = connect(placeOf(target));
  socket.once("connect", () => {
    isReady = true;
    ready(socket);
  });
  listen(socket, done, ended);
  return {
    socket,
    // A reset waits for the connection, and for what is still to be written: where there is any of that, no reset.
    close: () => void (isReady && socket.writableLength === 0 ? socket.resetAndDestroy() : socket.destroy()),
    waitingFor: () => (isReady ? "no answer" : "no connection"),
  };
}

/** Opens a TLS connection; `protocols` are offered by ALPN (RFC 7301). */
export function openTls(
  target: Target,
  { serverName, verify }: TlsSettings,
  { ready, done, ended }: StreamHandlers,
  protocols: readonly string[] = [],
): Stream & { readonly socket: TLSSocket } {
  let step = "no connection";
  const name = serverName ?? (isIP(target.address) === 0 ? target.address : undefined);
  const socket = connectTls({
    ...placeOf(target),
    rejectUnauthorized: verify,
    ...(name !== undefined && { servername: name }),
    ...(protocols.length > 0 && { ALPNProtocols: [...protocols] }),
  });
  socket.once("connect", () => (step = "no end of the TLS handshake"));
  socket.once("secureConnect", () => {
    step = "no answer";
    ready(socket);
  });
  listen(socket, done, ended);
  return { socket, close: () => socket.destroy(), waitingFor: () => step };
}

/** What a socket connects to, and from where. */
function placeOf({ address, port, dial }: Target) {
  return dial === undefined ? { host: address, port } : { ...dial, host: dial.address };
}

function listen(socket: Socket, done: (answer: Answer) => void, ended: (() => void) | undefined): void {
  socket.on("error", (error) => done(failed(error)));
  socket.once("end", () => (ended ?? (() => done(bad("the server closed the connection"))))());
  socket.once("close", () => done(bad("the connection was closed")));
}
