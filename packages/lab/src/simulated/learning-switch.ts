// An Ethernet switch of the simulated network: learns from source addresses behind which port a host is, floods what
// it does not know (IEEE 802.1D).
import { macKey } from "./mac-key.ts";
import { Port } from "./port.ts";

/** The bit that marks addresses of many: multicast and broadcast (IEEE 802). */
const GROUP_BIT = 1;

/** A switch with as many ports as are asked for. */
export class LearningSwitch {
  readonly #ports: Port[] = [];
  readonly #portOf = new Map<number, Port>();

  /** A new port. */
  addPort(): Port {
    const port: Port = new Port((frame) => this.#forward(frame, port));
    this.#ports.push(port);
    return port;
  }

  #forward(frame: Uint8Array, from: Port): void {
    this.#portOf.set(macKey(frame, 6), from);
    const isForMany = ((frame[0] ?? 0) & GROUP_BIT) !== 0;
    const known = isForMany ? undefined : this.#portOf.get(macKey(frame, 0));
    if (known === from) return;
    if (known !== undefined) {
      known.send(frame);
      return;
    }
    for (const port of this.#ports) if (port !== from) port.send(frame.slice());
  }
}
