// The clock that programs read, as user space sees it: what it says now, and how fast it ticks.

import { type BpfHost, type BpfProgram, compile, jiffies64, verdict, xdp } from "@yardmaster/ebpf";

/** Values of CONFIG_HZ that kernels are built with (kernel/Kconfig.hz, and 512 to 1200 on other machines are not). */
const RATES = [100, 250, 300, 1000];
const MEASURED_MS = 40;
const ANY_PACKET = new Uint8Array(64);

/** Reads the programs' clock: low 32 bits of the ticks since boot. */
export class TickClock implements Disposable {
  readonly #program: BpfProgram;

  constructor(host: BpfHost) {
    const program = compile(xdp("clock", () => verdict(jiffies64().toU32())));
    this.#program = host.loadProgram(program, new Map());
  }

  now(): number {
    return this.#program.run({ packet: ANY_PACKET }).verdict >>> 0;
  }

  [Symbol.dispose](): void {
    this.#program.close();
  }
}

/** Counts ticks for a moment, from the edge of one to the edge of another, and takes the nearest rate. */
export function measureTicksPerSecond(host: BpfHost): number {
  using clock = new TickClock(host);
  const edge = (): { tick: number; atMs: number } => {
    const before = clock.now();
    for (;;) {
      const tick = clock.now();
      if (tick !== before) return { tick, atMs: performance.now() };
    }
  };
  const start = edge();
  let end = edge();
  while (end.atMs - start.atMs < MEASURED_MS) end = edge();
  const measured = (((end.tick - start.tick) >>> 0) * 1000) / (end.atMs - start.atMs);
  return RATES.reduce((best, rate) => (Math.abs(rate - measured) < Math.abs(best - measured) ? rate : best));
}
