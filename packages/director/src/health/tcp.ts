// TCP and TLS checks: the connection itself is the answer.
import type { Probe } from "../model/check.ts";
import { type Begin, good } from "./exchange.ts";
import { openStream, openTls } from "./stream.ts";

/** A TCP check: the handshake succeeds. */
export const tcp: Begin = (target, done) => openStream(target, { done, ready: () => done(good("connected")) });

/** A TLS check: the TLS handshake succeeds, too. */
export function tls(probe: Extract<Probe, { readonly kind: "tls" }>): Begin {
  return (target, done) => {
    const stream = openTls(target, probe, {
      done,
      ready: () => {
        const { name } = stream.socket.getCipher();
        done(good(`${stream.socket.getProtocol() ?? "TLS"} ${name}`));
      },
    });
    return stream;
  };
}
