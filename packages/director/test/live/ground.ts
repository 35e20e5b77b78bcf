// Live services on maps of their own, without a program for packets: what changes write is looked at, not what packets
// make of it.

import { type BalancerShape, featureNames, reaper, schedulerNames } from "@yardmaster/dataplane";
import type { BpfHost } from "@yardmaster/ebpf";
import { makeMaps } from "../../src/kernel/live-maps.ts";
import { LiveServices } from "../../src/live/live-services.ts";
import { type LiveSettings, liveSettings } from "../../src/plan/settings.ts";
import { compileOnce } from "../compile-once.ts";
import { remembering } from "../map-dump.ts";
import { configuration } from "../sample.ts";
import { pictureOf } from "./picture.ts";

export const TICKS_PER_SECOND = 250;

/** Everything that there is, with little room. */
export const fullShape: BalancerShape = {
  families: ["ipv4", "ipv6"],
  schedulers: schedulerNames,
  methods: ["nat", "dr", "tun"],
  encapsulations: ["ipip", "gue", "gre"],
  macs: [],
  maximumConnections: 64,
  maximumServices: 8,
  maximumDestinations: 16,
  maximumMembers: 8,
  activeCost: 257,
  features: featureNames,
  clock: "manual",
};

/** What holds unless a test says otherwise. */
export const usualSettings: LiveSettings = liveSettings(configuration([]).director);

/** Maps, and live services on them. */
export class LiveGround implements Disposable {
  readonly #owned = new DisposableStack();
  readonly #host: ReturnType<typeof remembering>;
  readonly made: ReturnType<typeof makeMaps>;
  readonly live: LiveServices;

  constructor(host: BpfHost, { shape = fullShape, settings = usualSettings } = {}) {
    this.#host = remembering(host);
    try {
      this.made = makeMaps(this.#host, shape, this.#owned);
      const spec = compileOnce(reaper, this.made.definitions, shape);
      const ground = {
        ...{ host: this.#host, made: this.made, shape, ticksPerSecond: TICKS_PER_SECOND },
        reaper: this.#owned.use(host.loadProgram(spec, this.made.byName)),
      };
      this.live = this.#owned.use(new LiveServices(ground, settings));
    } catch (error) {
      this.#owned.dispose();
      throw error;
    }
  }

  /** What the maps say, see picture.ts. */
  picture(): readonly string[] {
    return pictureOf(this.live, this.made.live, this.#host.inner);
  }

  /** What an operation changes in the picture: lines that go and lines that come. */
  changes(operation: (live: LiveServices) => void): readonly string[] {
    const before = this.picture();
    operation(this.live);
    const after = this.picture();
    return [
      ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
      ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
    ];
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}
