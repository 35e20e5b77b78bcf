// The reference's schedulers as its balancer asks them: the twins, over servers of the reference.

import { addressWords } from "@yardmaster/packet";
import { type SchedulerName, schedulerNames } from "../../src/index.ts";
import type { TwinServer } from "./schedule/server.ts";
import { twins } from "./schedule/twins.ts";

export interface Server {
  readonly index: number;
  readonly address: string;
  readonly port: number;
  weight: number;
  active: number;
  inactive: number;
}

/** Who opens a connection, to which address. */
export interface Opening {
  readonly client: string;
  readonly clientPort: number;
  readonly destination: string;
  readonly now: number;
}

/** Chooses a server for a new connection, or none. */
export interface Picker {
  pick(opening: Opening): Server | undefined;
  /** The service has been written whole, with other weights: wrr starts again. */
  changed(): void;
}

const fold = (address: string): number => addressWords(address).reduce((sum, word) => (sum ^ word) >>> 0, 0);

/** The plan's lblcr_expiration, in ticks, is a day. */
const EXPIRATION = 86_400 * 250;

function picker(name: SchedulerName, list: readonly Server[]): Picker {
  const own = list.map(twinOf);
  const service = {
    list: own,
    activeCost: 256,
    flags: { port: false, fallback: false },
    expiration: EXPIRATION,
    mhSize: 4093,
    draw: () => {
      throw new Error("what is drawn at random has no reference");
    },
  };
  let twin = twins[name](service);
  return {
    pick({ client, clientPort, destination, now }) {
      list.forEach(({ active, inactive }, at) => Object.assign(own[at] as TwinServer, { active, inactive }));
      const clientFold = fold(client);
      const chosen = twin.pick({ clientFold, clientPort, destinationFold: fold(destination), destination, now });
      return chosen === undefined ? undefined : list[own.indexOf(chosen)];
    },
    changed() {
      list.forEach(({ weight }, at) => {
        const server = own[at] as TwinServer;
        server.weight = weight;
        if (weight > 0) server.lastWeight = weight;
      });
      if (name === "wrr") twin = twins[name](service);
      else twin.changed(own);
    },
  };
}

function twinOf({ index, address, port, weight, active, inactive }: Server): TwinServer {
  const counts = { active, inactive, isOverloaded: false, isAvailable: true };
  return { index, fold: fold(address), port, weight, lastWeight: weight, ...counts };
}

export const pickers = Object.fromEntries(
  schedulerNames.map((name) => [name, (list: readonly Server[]) => picker(name, list)]),
) as Readonly<Record<SchedulerName, (list: readonly Server[]) => Picker>>;
