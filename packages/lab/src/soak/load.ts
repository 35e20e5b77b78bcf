// The requests of a soak, which programs/soaker.ts makes on the client's host: to each service some connections that
// are kept and asked again and again, and a stream of short ones. Nothing is tried twice: what fails is a failed
// request, and is told at once.
import type { OpenConnection, Connect } from "../mixed/mixer.ts";
import { causeOf } from "../cause-of.ts";

/** Who is asked, from where. */
export interface LoadTarget {
  readonly service: string;
  readonly address: string;
  readonly port: number;
  readonly clientAddresses: readonly string[];
}

/** What to do until told otherwise. */
export interface LoadJob {
  readonly targets: readonly LoadTarget[];
  /** Connections to each service that are kept. */
  readonly kept: number;
  /** Requests a second over all kept connections, and over all short ones. */
  readonly keptRate: number;
  readonly shortRate: number;
}

/** A request that came to nothing. */
export interface FailedRequest {
  readonly service: string;
  readonly kind: "kept" | "short";
  /** `open`: the first of its connection; `ask`: a later one; `end`: the connection would not close. */
  readonly step: "open" | "ask" | "end";
  /** `ECONNREFUSED`, `ECONNRESET`, `timeout`, `lost`: the connection had gone, `answered by server2`: another's. */
  readonly cause: string;
  readonly from: string;
  /** Who had answered on this connection before. */
  readonly server?: string;
  /** Unix times in milliseconds: of the connection, of the request, and of its failure. */
  readonly openedMs: number;
  readonly startedMs: number;
  readonly endedMs: number;
}

/** What was done so far. */
export interface LoadCount {
  readonly connections: number;
  readonly requests: number;
  readonly answered: number;
  /** By service. */
  readonly answeredBy: Readonly<Record<string, number>>;
  readonly longestMs: number;
}

/** What the program tells: each failure, how much there is every second, and the same when it has ended. */
export type LoadMessage =
  | { readonly kind: "failed"; readonly request: FailedRequest }
  | { readonly kind: "count" | "done"; readonly count: LoadCount };

/** How long kept connections live: between these, drawn by lot; the first of each service to the end. */
const keptLifeMs = { least: 2_000, most: 60_000 };
/** Where servers do not answer, requests wait; so many wait at most for a service. */
const mostShortAtOnce = 40;
/** After a failure. */
const restMs = 100;

/** Does a job until `stop` is called. */
export class Load {
  readonly #connect: Connect;
  readonly #job: LoadJob;
  readonly #tell: (message: LoadMessage) => void;
  readonly #stop = new AbortController();
  readonly #answeredBy: Record<string, number> = {};
  readonly #work: Promise<void>[] = [];
  #connections = 0;
  #requests = 0;
  #longestMs = 0;

  constructor(connect: Connect, job: LoadJob, tell: (message: LoadMessage) => void) {
    this.#connect = connect;
    this.#job = job;
    this.#tell = tell;
    for (const target of job.targets) {
      this.#answeredBy[target.service] = 0;
      for (let index = 0; index < job.kept; index += 1) this.#work.push(this.#keep(target, index));
      this.#work.push(this.#open(target));
    }
  }

  get count(): LoadCount {
    const answered = Object.values(this.#answeredBy).reduce((sum, each) => sum + each, 0);
    return {
      connections: this.#connections,
      requests: this.#requests,
      answered,
      answeredBy: { ...this.#answeredBy },
      longestMs: Math.round(this.#longestMs),
    };
  }

  /** Ends all connections in order and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#work);
  }

  /** Keeps one connection after the other. */
  async #keep(target: LoadTarget, index: number): Promise<void> {
    const everyMs = (1000 * this.#job.kept * this.#job.targets.length) / this.#job.keptRate;
    const isLasting = index === 0;
    while (!this.#isOver) {
      const lifeMs = keptLifeMs.least + Math.random() * (keptLifeMs.most - keptLifeMs.least);
      const visit = this.#visit(target, "kept");
      for (let isGood = await visit.open(); isGood && !this.#isOver; isGood = await visit.ask()) {
        if (!isLasting && Date.now() - visit.openedMs > lifeMs) break;
        await this.#pause(everyMs * (0.5 + Math.random()));
      }
      await visit.end();
      if (visit.hasFailed) await this.#pause(restMs);
    }
  }

  /** Opens short ones, each at its time, whether those before have ended or not. */
  async #open(target: LoadTarget): Promise<void> {
    const everyMs = (1000 * this.#job.targets.length) / this.#job.shortRate;
    const underWay = new Set<Promise<void>>();
    while (!this.#isOver) {
      if (underWay.size < mostShortAtOnce) {
        const one = this.#short(target).finally(() => underWay.delete(one));
        underWay.add(one);
      }
      await this.#pause(everyMs * (0.5 + Math.random()));
    }
    await Promise.all(underWay);
  }

  async #short(target: LoadTarget): Promise<void> {
    const visit = this.#visit(target, "short");
    await visit.open();
    await visit.end();
  }

  get #isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    await new Promise<void>((done) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        done();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end);
    });
  }

  #visit(target: LoadTarget, kind: FailedRequest["kind"]): Visit {
    const { address, port, service, clientAddresses } = target;
    const from = clientAddresses[this.#connections++ % clientAddresses.length] ?? "";
    return new Visit(service, kind, {
      from,
      connect: () => this.#connect({ localAddress: from, address, port }),
      asked: () => (this.#requests += 1),
      answered: (tookMs) => {
        this.#answeredBy[service] = (this.#answeredBy[service] ?? 0) + 1;
        this.#longestMs = Math.max(this.#longestMs, tookMs);
      },
      failed: (request) => this.#tell({ kind: "failed", request }),
    });
  }
}

/** What a visit needs of the load that it is part of. */
interface VisitOptions {
  readonly from: string;
  readonly connect: () => Promise<OpenConnection>;
  readonly asked: () => void;
  readonly answered: (tookMs: number) => void;
  readonly failed: (request: FailedRequest) => void;
}

/** One connection from beginning to end; after a failure it is over. */
class Visit {
  readonly openedMs = Date.now();
  readonly #service: string;
  readonly #kind: FailedRequest["kind"];
  readonly #options: VisitOptions;
  #connection: OpenConnection | undefined;
  #hasFailed = false;

  constructor(service: string, kind: FailedRequest["kind"], options: VisitOptions) {
    this.#service = service;
    this.#kind = kind;
    this.#options = options;
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Whether the first request was answered. */
  open(): Promise<boolean> {
    this.#options.asked();
    return this.#attempt("open", async () => {
      this.#connection = await this.#options.connect();
    });
  }

  /** Whether another request was answered, by the same server. */
  ask(): Promise<boolean> {
    const connection = this.#connection;
    if (connection === undefined) return Promise.resolve(false);
    this.#options.asked();
    return this.#attempt("ask", async () => {
      const server = await connection.ask();
      if (server === connection.server) return;
      throw Object.assign(new Error("asking again"), { code: `answered by ${server}` });
    });
  }

  async end(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || this.#hasFailed) return;
    await this.#attempt("end", () => connection.end());
  }

  async #attempt(step: FailedRequest["step"], run: () => Promise<void>): Promise<boolean> {
    const startedMs = Date.now();
    try {
      await run();
      if (step !== "end") this.#options.answered(Date.now() - startedMs);
      return true;
    } catch (error) {
      this.#hasFailed = true;
      const { server } = this.#connection ?? {};
      this.#options.failed({
        ...{ service: this.#service, kind: this.#kind, step, cause: causeOf(error), from: this.#options.from },
        ...(server !== undefined && { server }),
        ...{ openedMs: this.openedMs, startedMs, endedMs: Date.now() },
      });
      return false;
    }
  }
}
