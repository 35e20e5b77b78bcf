// What the interpreter's tests share: codecs for numbers and raw bytes, and a short way to run a few
// instructions.

import { assemble, type Item } from "../asm/index.ts";
import type { BpfMap, Codec, MapSpec, ProgramSpec, ProgramType } from "../spec.ts";
import { createMemoryHost, type MemoryHost, type MemoryRunOutput } from "./index.ts";

export const u32: Codec<number> = {
  size: 4,
  encode: (value) => new Uint8Array(Uint32Array.of(value).buffer),
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true),
};

export const u64: Codec<bigint> = {
  size: 8,
  encode: (value) => new Uint8Array(BigUint64Array.of(value).buffer),
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true),
};

/** `size` bytes as they are. */
export function rawBytes(size: number): Codec<Uint8Array> {
  return { size, encode: (value) => value, decode: (bytes) => bytes.slice(0, size) };
}

/** A map called `m` of 4 numbers by number, different where told. */
export function mapSpec(changes: Partial<MapSpec<number, bigint>> = {}): MapSpec<number, bigint> {
  return { name: "m", type: "hash", key: u32, value: u64, maxEntries: 4, flags: 0, ...changes };
}

/** A program called `p` of `items` and `maps`. */
export function programSpec(
  items: readonly Item[],
  maps: readonly MapSpec[] = [],
  type: ProgramType = "xdp",
): ProgramSpec {
  const instructions = assemble(items);
  return { name: "p", type, instructions, maps, license: "GPL" };
}

export interface RunOptions {
  readonly host?: MemoryHost;
  readonly maps?: readonly BpfMap[];
  readonly packet?: Uint8Array;
  readonly type?: ProgramType;
}

/** Loads `items`, runs them once, closes the program. */
export function runItems(items: readonly Item[], options: RunOptions = {}): MemoryRunOutput {
  const { host = createMemoryHost(), maps = [], packet = new Uint8Array(64) } = options;
  const spec = programSpec(
    items,
    maps.map((map) => map.spec),
    options.type,
  );
  const byName = new Map(maps.map((map) => [map.spec.name, map]));
  using program = host.loadProgram(spec, byName);
  return program.run({ packet });
}
