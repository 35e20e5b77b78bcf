// How helper functions are written: a helper gets a `HelperCall` (arguments, memory, packet) and returns
// what r0 shall hold. Helpers given to `createMemoryHost` are written the same way as those built in.

import type { ProgramType } from "../../spec.ts";
import type { Clock } from "../clock.ts";
import type { MemoryMap } from "../maps/memory-map.ts";
import type { Packet } from "../packet.ts";
import type { SocketBuffer } from "../socket-buffer.ts";

/** One call of a helper by a running program. */
export interface HelperCall {
  /** Name of the helper, for messages. */
  readonly name: string;
  readonly programType: ProgramType;
  readonly packet: Packet;
  /** What the packet of a sched_cls program is beyond its bytes. */
  readonly buffer: SocketBuffer;
  readonly clock: Clock;
  /** CPU that the program runs on. */
  readonly cpu: number;
  /** The host's next random number, unsigned 32 bits. */
  random(): number;
  /** Argument 1–5, unsigned. */
  argument(index: number): bigint;
  /** Lower 32 bits of argument 1–5, signed. */
  int(index: number): number;
  /** The `length` bytes that argument `index` points to, live; faults where they are not there. */
  bytes(index: number, length: number): Uint8Array;
  /** The map that argument `index` points to. */
  map(index: number): MemoryMap;
  /** The program's function that argument `index` points to; calling it runs it and gives its r0. */
  callee(index: number): (args: readonly bigint[]) => bigint;
  /** Runs `body` with a pointer to a copy of `bytes`; the pointer dies with it. */
  withScratch<T>(bytes: Uint8Array, body: (pointer: bigint) => T): T;
  /** Records that the packet goes to interface `ifindex`; there to a neighbour, where one is named. */
  redirect(ifindex: number, neighbour?: Uint8Array): void;
}

/** Returns r0: a number is sign-extended to 64 bits, undefined is 0. */
export type Helper = (call: HelperCall) => bigint | number | undefined;

/** Helpers by number. */
export type HelperTable = Readonly<Record<number, Helper>>;
