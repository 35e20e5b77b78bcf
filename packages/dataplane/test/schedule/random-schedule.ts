// Random lists, loads, changes and questions, put to a scheduler and to its twin at once.

import type { BpfHost } from "@yardmaster/ebpf";
import { type Random, seededRandom } from "@yardmaster/packet";
import { expect } from "vitest";
import { type ListedMember, type SchedulerName, schedulerOptions, schedulers } from "../../src/index.ts";
import type { TwinServer } from "../reference/schedule/server.ts";
import { type Twin, twins, type TwinService } from "../reference/schedule/twins.ts";
import { Asker } from "./asker.ts";

const EXPIRATION = 40;
/** The kernel's smallest table, quickly made, and its default one. */
const SLOTS = [251, 251, 251, 4093] as const;

export interface PlayOptions {
  readonly scheduler: SchedulerName;
  readonly seed: number;
  readonly steps: number;
  /** What is compiled in. Default: the scheduler alone. */
  readonly schedulers?: readonly SchedulerName[];
  readonly createHost: () => BpfHost;
  /** The random numbers that the host gives, again. */
  readonly draw?: () => number;
}

/** What a play came to: how often somebody was chosen, and how often nobody. */
export interface Tally {
  chosen: number;
  refused: number;
}

/** Plays one random service. Throws at the first answer that differs from the twin's. */
export function playSchedule(options: PlayOptions, tally: Tally): void {
  const { scheduler, seed, steps, createHost, draw = noDraws } = options;
  const random = seededRandom(seed);
  const activeCost = random.pick([256, 257] as const);
  const flags = { port: random.chance(0.5), fallback: random.chance(0.5) };
  const service: TwinService = {
    list: [],
    activeCost,
    flags,
    expiration: EXPIRATION,
    mhSize: random.pick(SLOTS),
    draw,
  };
  using asker = new Asker(createHost(), {
    scheduler,
    schedulers: options.schedulers ?? [scheduler],
    activeCost,
    options: optionBits(scheduler, flags),
    localitySetTicks: EXPIRATION,
    slots: service.mhSize,
  });
  const play = new Play(asker, service, random);
  if (random.chance(0.5)) play.startWhole(random.below(9));
  const twin = twins[scheduler](service);
  for (let step = 0; step < steps; step++) {
    play.step(twin, (outcome) => {
      expect(outcome.actual, `${scheduler}, seed ${seed}, step ${step}`).toBe(outcome.expected);
      if (outcome.expected === undefined) tally.refused += 1;
      else tally.chosen += 1;
    });
  }
}

const noDraws = (): number => {
  throw new Error("this scheduler draws no random numbers");
};

function optionBits(scheduler: SchedulerName, flags: TwinService["flags"]): number {
  const known = schedulers[scheduler].options ?? [];
  return known
    .filter((option) => (option.endsWith("port") ? flags.port : flags.fallback))
    .reduce((bits, option) => bits | schedulerOptions[option], 0);
}

interface Outcome {
  readonly actual: number | undefined;
  readonly expected: number | undefined;
}

class Play {
  readonly #asker: Asker;
  readonly #service: TwinService;
  readonly #random: Random;
  /** All there ever were: who comes back is the same object, with its counts. */
  readonly #known: TwinServer[] = [];
  #now = 0;

  constructor(asker: Asker, service: TwinService, random: Random) {
    this.#asker = asker;
    this.#service = service;
    this.#random = random;
  }

  startWhole(count: number): void {
    this.#service.list = Array.from({ length: count }, () => this.#newServer());
    this.#asker.start(this.#service.list.map(memberOf));
    for (const server of this.#service.list) this.#writeLoad(server);
  }

  step(twin: Twin, compare: (outcome: Outcome) => void): void {
    const random = this.#random;
    if (random.chance(0.08)) this.#change(twin);
    if (random.chance(0.5)) this.#load();
    this.#now += random.chance(0.05) ? EXPIRATION + 1 : random.below(3);
    const asked = {
      clientFold: random.u32(),
      clientPort: random.below(65_536),
      // Few addresses, so that they are met again.
      address: random.below(5) * 0x0102_0304,
      now: this.#now,
    };
    const ask = { ...asked, destinationFold: asked.address, destination: String(asked.address) };
    const actual = this.#asker.ask(asked);
    const expected = twin.pick(ask);
    compare({ actual, expected: expected?.index });
    if (expected === undefined || random.chance(0.3)) return;
    expected.active += 1;
    this.#writeLoad(expected);
  }

  #change(twin: Twin): void {
    const random = this.#random;
    const before = this.#service.list;
    const server = before[random.below(before.length)];
    if (server === undefined || (before.length < 12 && random.chance(0.4))) {
      const gone = this.#known.filter((one) => !one.isAvailable);
      const back = random.chance(0.5) ? gone[random.below(gone.length)] : undefined;
      const added = back ?? this.#newServer();
      added.isAvailable = true;
      this.#service.list = [added, ...before];
    } else if (random.chance(0.4)) {
      server.isAvailable = false;
      this.#service.list = before.filter((one) => one !== server);
    } else {
      server.weight = this.#weight();
      if (server.weight > 0) server.lastWeight = server.weight;
    }
    this.#asker.change(this.#service.list.map(memberOf));
    for (const one of this.#service.list) this.#writeLoad(one);
    twin.changed(before);
  }

  /** Somebody gets other counts. */
  #load(): void {
    const random = this.#random;
    const server = this.#known[random.below(this.#known.length)];
    if (server === undefined) return;
    server.active = random.below(random.pick([1, 4, 40]));
    server.inactive = random.below(random.pick([1, 5, 600]));
    server.isOverloaded = random.chance(0.3);
    this.#writeLoad(server);
  }

  #newServer(): TwinServer {
    const random = this.#random;
    const weight = this.#weight();
    const server = {
      index: this.#known.length,
      fold: random.u32(),
      port: random.below(65_536),
      weight,
      lastWeight: weight,
      active: 0,
      inactive: 0,
      isOverloaded: false,
      isAvailable: true,
    };
    this.#known.push(server);
    return server;
  }

  #weight(): number {
    const random = this.#random;
    return random.pick([
      () => 0,
      () => 1,
      () => 1 + random.below(8),
      () => 6 * (1 + random.below(4)),
      () => 1 + random.below(300),
    ])();
  }

  #writeLoad({ index, active, inactive, isOverloaded }: TwinServer): void {
    this.#asker.setLoad(index, { active, inactive, isOverloaded });
  }
}

const memberOf = ({ index, weight, lastWeight, fold, port }: TwinServer): ListedMember => ({
  destination: index,
  weight,
  lastWeight,
  addressFold: fold,
  port,
});
