// The reference's schedulers as its balancer asks them: the twins, over the destinations of the reference.

import type { SchedulerName } from "../../src/index.ts";
import { type Destination, fold } from "./destination.ts";
import { twins } from "./schedule/twins.ts";

/** Who opens a connection, to which address. */
export interface Opening {
  readonly client: string;
  readonly clientPort: number;
  readonly destination: string;
  readonly now: number;
}

/** Chooses among the destinations of one service. */
export interface Picker {
  pick(opening: Opening): Destination | undefined;
  /** Somebody came, went, or has another weight: this is the list now. */
  changed(list: readonly Destination[]): void;
}

/** The plan's lblcr_expiration, in ticks, is a day. */
const EXPIRATION = 86_400 * 250;

export function picker(name: SchedulerName, list: readonly Destination[]): Picker {
  const service = {
    list,
    activeCost: 256,
    flags: { port: false, fallback: false },
    expiration: EXPIRATION,
    mhSize: 4093,
    draw: () => {
      throw new Error("what is drawn at random has no reference");
    },
  };
  const twin = twins[name](service);
  return {
    pick({ client, clientPort, destination, now }) {
      const ask = { clientFold: fold(client), clientPort, destinationFold: fold(destination), destination, now };
      return twin.pick(ask) as Destination | undefined;
    },
    changed(after) {
      const before = service.list;
      service.list = after;
      twin.changed(before);
    },
  };
}
