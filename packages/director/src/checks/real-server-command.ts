// The command that makes a machine ready to be a real server, as remedies name it.
import type { ForwardingMethod } from "../model/forwarding-method.ts";

/** What of a service the command has to say. */
export interface RealServerNeeds {
  readonly forwarding: ForwardingMethod;
  /** The service's addresses. */
  readonly virtual: readonly string[];
  /** What packets of the director come from, where that is known. */
  readonly director: string | undefined;
}

/** `yardmaster realserver up …`, to be run on the server. */
export function realServerUp({ forwarding, virtual, director = "DIRECTOR" }: RealServerNeeds): string {
  const services = (virtual.length === 0 ? ["ADDRESS"] : virtual).map((address) => ` --service ${address}`).join("");
  // Only who is named may send tunnels, or say who a client is; dr's packets say nothing of the director.
  const senders = forwarding === "dr" ? "" : ` --director ${director}`;
  return `yardmaster realserver up --method ${forwarding}${services}${senders}`;
}
