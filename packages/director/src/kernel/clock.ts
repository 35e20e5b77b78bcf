// The clock that programs read, as user space sees it: what it says now, and how fast it ticks.

import {
  type BpfHost,
  type BpfProgram,
  compile,
  jiffies64,
  ktimeGetNs,
  struct,
  u64,
  verdict,
  xdp,
} from "@yardmaster/ebpf";

/** Values of CONFIG_HZ that kernels are built with (kernel/Kconfig.hz, and 512 to 1200 on other machines are not). */
const RATES = [100, 250, 300, 1000];
/** A tick more or less is then a tenth of what tells 250 from 300 at most. */
const MEASURED_MS = 100;
const ANY_PACKET = new Uint8Array(64);
/** What the program writes where the packet begins: both times of one moment. */
const Moment = struct("moment", { ticks: u64, atNs: u64 });

/** Reads the programs' clock: low 32 bits of the ticks since boot. */
export class TickClock implements Disposable {
  readonly #program: BpfProgram;

  constructor(host: BpfHost) {
    const definition = xdp("clock", (packet) => {
      const moment = packet.read(Moment).orPass();
      moment.ticks = jiffies64();
      moment.atNs = ktimeGetNs();
      return verdict(moment.ticks.toU32());
    });
    this.#program = host.loadProgram(compile(definition), new Map());
  }

  now(): number {
    return this.#program.run({ packet: ANY_PACKET }).verdict >>> 0;
  }

  /** Ticks and nanoseconds since boot, read in one breath: nothing that delays this process comes between them. */
  moment(): { readonly ticks: bigint; readonly atNs: bigint } {
    return Moment.decode(this.#program.run({ packet: ANY_PACKET }).packet);
  }

  [Symbol.dispose](): void {
    this.#program.close();
  }
}

/** A measurement of how fast the programs' clock ticks. It begins at once, so that other work can go on meanwhile. */
export class TickRate implements Disposable {
  readonly #clock: TickClock;
  readonly #start: { readonly ticks: bigint; readonly atNs: bigint };
  readonly #startedMs: number;

  constructor(host: BpfHost) {
    using cleanup = new DisposableStack();
    this.#clock = cleanup.use(new TickClock(host));
    this.#start = this.#clock.moment();
    this.#startedMs = performance.now();
    cleanup.move();
  }

  /** The tick that it is. */
  now(): number {
    return this.#clock.now();
  }

  /** Ticks in a second. Waits until a tenth of a second has been measured. */
  perSecond(): number {
    const missingMs = this.#startedMs + MEASURED_MS - performance.now();
    if (missingMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, missingMs);
    const end = this.#clock.moment();
    const ticks = Number(end.ticks - this.#start.ticks);
    if (ticks === 0) throw new Error("measuring the programs' clock: it stands still; say how fast it is to count");
    const measured = (ticks * 1e9) / Number(end.atNs - this.#start.atNs);
    return RATES.reduce((best, rate) => (Math.abs(rate - measured) < Math.abs(best - measured) ? rate : best));
  }

  [Symbol.dispose](): void {
    this.#clock[Symbol.dispose]();
  }
}
