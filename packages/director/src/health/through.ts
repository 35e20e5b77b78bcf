// A check through the data plane: its sockets talk to an address that stands for the server, and what they say of it is
// told of the service's.
import { endpointText } from "../address.ts";
import type { Answer, Begin, Target } from "./exchange.ts";

/** Where its sockets connect to, and from where; or why there is no way. */
export type Dial = NonNullable<Target["dial"]> | { readonly problem: string };

/** What does a probe, through the data plane; where its sockets connect to is asked for each exchange. */
export function beginThrough(begin: Begin, dialOf: () => Dial): Begin {
  return (target, done) => {
    const dial = dialOf();
    if ("problem" in dial) {
      done({ outcome: "unknown", reason: dial.problem });
      return { close: () => undefined, waitingFor: () => "nothing was sent" };
    }
    const told = ({ reason, ...answer }: Answer) => done({ ...answer, reason: toldOf(reason, target, dial) });
    return begin({ ...target, dial }, told);
  };
}

/** Node writes addresses into its errors: `connect ECONNREFUSED 198.18.0.16:80 - Local (198.18.0.1:40000)`. */
function toldOf(reason: string, { address, port }: Target, dial: NonNullable<Target["dial"]>): string {
  const own = dial.address.includes(":") ? `${dial.address}:${dial.port}` : endpointText(dial.address, dial.port);
  return reason.replace(/ - Local \([^)]*\)$/, "").replaceAll(own, endpointText(address, port));
}
