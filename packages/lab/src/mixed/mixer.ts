// Long and short connections mixed, in an order in which it can be said where each long one must go: a few short ones
// at once, when all of them are over one that stays open, and again. How a connection is made is the caller's matter.
import { causeOf } from "../cause-of.ts";

/** A connection whose first request was answered. */
export interface OpenConnection {
  /** Who answered. */
  readonly server: string;
  /** Sends another request; who answered it. */
  ask(): Promise<string>;
  /** Closes it, and waits until the server has closed it too. */
  end(): Promise<void>;
}

/** Where to connect to, and from which of the client's addresses. */
export interface Way {
  readonly localAddress: string;
  readonly address: string;
  readonly port: number;
}

/** Opens a connection and sends the first request. Rejects with an error whose `code` or `name` is the cause. */
export type Connect = (way: Way) => Promise<OpenConnection>;

/** Connections to one service. */
export interface MixJob {
  readonly address: string;
  readonly port: number;
  readonly clientAddresses: readonly string[];
  readonly long: number;
  /** Short ones before each long one. */
  readonly shortBeforeEach: number;
}

/** What came of a job. */
export interface MixReport {
  /** The servers that the long connections went to, in order. */
  readonly longServers: readonly string[];
  /** Short connections that were opened, answered and closed. */
  readonly short: number;
  /** Failed connections by cause. The first ends the job: nothing can be said of what comes after. */
  readonly failures: Readonly<Record<string, number>>;
}

/** What came of all the long connections in the end. */
export interface EndReport {
  /** How many stood. */
  readonly long: number;
  /** How many were answered once more, by the server that they had been with, and closed from both ends. */
  readonly stayed: number;
  /** What became of the others: failures by cause, and `answered by server2`. */
  readonly failures: Readonly<Record<string, number>>;
}

/** What the lab asks of the program that mixes: a job, or the end of all that stands. */
export type MixerMessage = { readonly kind: "mix"; readonly job: MixJob } | { readonly kind: "end" };

/** Makes connections and keeps the long ones. */
export class Mixer {
  readonly #connect: Connect;
  readonly #standing: OpenConnection[] = [];
  #connections = 0;

  constructor(connect: Connect) {
    this.#connect = connect;
  }

  /** Does a job. */
  async mix(job: MixJob): Promise<MixReport> {
    const longServers: string[] = [];
    const failures = new Causes();
    let short = 0;
    const attempt = async (use: (connection: OpenConnection) => Promise<void>): Promise<void> => {
      try {
        await use(await this.#open(job));
      } catch (error) {
        failures.add(error);
      }
    };
    const makeShort = async (connection: OpenConnection): Promise<void> => {
      await connection.end();
      short += 1;
    };
    const makeLong = async (connection: OpenConnection): Promise<void> => {
      this.#standing.push(connection);
      longServers.push(connection.server);
    };
    while (longServers.length < job.long && failures.count === 0) {
      await Promise.all(Array.from({ length: job.shortBeforeEach }, () => attempt(makeShort)));
      if (failures.count === 0) await attempt(makeLong);
    }
    return { longServers, short, failures: failures.byCause };
  }

  /** Sends one more request over each long connection, then ends it. */
  async endAll(): Promise<EndReport> {
    const failures = new Causes();
    const standing = this.#standing.splice(0);
    await Promise.all(
      standing.map(async (connection) => {
        try {
          const server = await connection.ask();
          await connection.end();
          if (server !== connection.server) failures.add({ name: `answered by ${server}` });
        } catch (error) {
          failures.add(error);
        }
      }),
    );
    return { long: standing.length, stayed: standing.length - failures.count, failures: failures.byCause };
  }

  #open({ address, port, clientAddresses }: MixJob): Promise<OpenConnection> {
    const localAddress = clientAddresses[this.#connections++ % clientAddresses.length] ?? "";
    return this.#connect({ localAddress, address, port });
  }
}

/** Counts failures by cause. */
class Causes {
  readonly #counts = new Map<string, number>();

  get count(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  get byCause(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  add(error: unknown): void {
    const cause = causeOf(error);
    this.#counts.set(cause, (this.#counts.get(cause) ?? 0) + 1);
  }
}
