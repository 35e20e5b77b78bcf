// Programs that continue as other programs: a map of programs, and the jump into one of them.

import { constant } from "../ir/operation.ts";
import type { MapSpec } from "../spec.ts";
import { builder } from "./builder.ts";
import { callHelper } from "./helper.ts";
import type { Packet } from "./packet.ts";
import { codecOf, u32 } from "./types.ts";

/** enum bpf_func_id, include/uapi/linux/bpf.h. */
const TAIL_CALL = 12;

/** Programs by index. To fill it, a host's map is updated with a program's descriptor as the value. */
export interface ProgramArray {
  readonly spec: MapSpec<number, number>;
  /** Goes on as the program at `index`, which gets the packet as it is now; comes back only where there is none. */
  tailCall(packet: Packet, index: number): void;
}

/** A map of at most `maxEntries` programs of the same type. */
export function programArray(name: string, maxEntries: number): ProgramArray {
  const number = codecOf(u32) as MapSpec<number, number>["key"];
  const spec: MapSpec<number, number> = { name, type: "prog_array", key: number, value: number, maxEntries, flags: 0 };
  return {
    spec,
    tailCall(packet, index) {
      builder().useMap(spec as MapSpec);
      callHelper(TAIL_CALL, [packet.context, { kind: "map", map: spec as MapSpec }, constant(index)]);
    },
  };
}
