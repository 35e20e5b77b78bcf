// Runs a small program on a host and hands back what it kept: numbers, the packet, the verdict, its maps.

import {
  arrayMap,
  type BpfHost,
  type BpfMap,
  compile,
  type Int,
  type MapSpec,
  type Packet,
  pass,
  type Reference,
  struct,
  u64,
  type Verdict,
  xdp,
} from "@yardmaster/ebpf";

const SLOTS = 64;
const slots = Object.fromEntries(Array.from({ length: SLOTS }, (_, index) => [`slot${index}`, u64]));
const Kept = struct("kept", slots as Readonly<Record<string, typeof u64>>);
const kept = arrayMap("kept", Kept, 1);

/** Keeps a number for the test to see; at most 64 of them. */
export type Keep = (value: Int) => void;

export interface Observation {
  readonly values: readonly bigint[];
  readonly verdict: number;
  readonly packet: Uint8Array;
}

export interface ObserveOptions {
  readonly packet?: Uint8Array;
  /** Maps that live longer than the run; the others are made for it. */
  readonly maps?: readonly BpfMap[];
}

/** Runs `body` once. Without a verdict of its own the packet passes. */
export function observe(
  host: BpfHost,
  body: (packet: Packet, keep: Keep) => Verdict | undefined | void,
  { packet = new Uint8Array(64), maps = [] }: ObserveOptions = {},
): Observation {
  let count = 0;
  const spec = compile(
    xdp("observed", (staged) => {
      const home: Reference<typeof Kept.fields> = kept.lookup(0).orPass();
      const keep: Keep = (value) => {
        home[`slot${count++}`] = value.toU64();
      };
      return body(staged, keep) ?? pass();
    }),
  );
  const given = new Map(maps.map((map) => [map.spec.name, map]));
  const own = spec.maps.filter(({ name }) => !given.has(name)).map((map) => host.createMap(map as MapSpec));
  const live = new Map([...given, ...own.map((map) => [map.spec.name, map] as const)]);
  try {
    using program = host.loadProgram(spec, live);
    const output = program.run({ packet });
    const record = (live.get("kept") as BpfMap<number, Record<string, bigint>>).lookup(0) ?? {};
    const values = Array.from({ length: count }, (_, index) => record[`slot${index}`] as bigint);
    return { values, verdict: output.verdict, packet: output.packet };
  } finally {
    for (const map of own) map.close();
  }
}
