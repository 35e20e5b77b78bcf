// UDP checks: a datagram, and what must come back.
import type { Probe } from "../model/check.ts";
import { bad, type Begin, good } from "./exchange.ts";
import { sendDatagram, silenceOf } from "./datagram.ts";
import { matcherOf } from "./pattern.ts";

/** A UDP check. Where nothing is expected, silence is good: then only an ICMP error says that nobody listens. */
export function udp({ send, expect }: Extract<Probe, { readonly kind: "udp" }>): Begin {
  const datagram = Buffer.from(send, "hex");
  const matcher = expect && matcherOf(expect);
  return (target, done) => {
    const close = sendDatagram(target, datagram, {
      done,
      received: (message) => {
        const match = matcher?.(message.toString("latin1")) ?? true;
        done(match === true ? good(`${message.length} bytes`) : bad(`${message.length} bytes: it ${match.problem}`));
      },
    });
    const silence = expect === undefined ? { silence: good("sent; nobody refused it") } : {};
    return { close, waitingFor: () => silenceOf(target), ...silence };
  };
}
