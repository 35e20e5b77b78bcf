// The context a program starts with: struct xdp_md or struct __sk_buff (include/uapi/linux/bpf.h). Both
// are read field by field, and the fields `data` and `data_end` give pointers although they are 32 bits
// wide, because the kernel rewrites those loads.

import type { ProgramType } from "../spec.ts";
import { type ContextFields, createRegion, type Memory, type Region } from "./memory.ts";
import { swap16 } from "./ones-complement.ts";
import type { Packet } from "./packet.ts";
import type { Registers } from "./registers.ts";
import type { SocketBuffer } from "./socket-buffer.ts";
import { Fault } from "./vm-error.ts";

interface Field {
  readonly name: string;
  readonly load: (registers: Registers, dst: number) => void;
  readonly store?: (value: number) => void;
}

/** What a run is told about the world around the packet. */
export interface Surroundings {
  ingressIfindex: number;
}

/** The region that r1 points to, or undefined where the context is the packet itself (syscall). */
export function createContext(
  type: ProgramType,
  packet: Packet,
  buffer: SocketBuffer,
  surroundings: Surroundings,
): Region | undefined {
  if (type === "syscall") return undefined;
  const [size, fields] =
    type === "xdp" ? [24, xdpFields(packet, surroundings)] : [192, skbFields(packet, buffer, surroundings)];
  return createRegion("context", Buffer.alloc(size), { fields: byOffset(fields) });
}

type Fields = ReadonlyMap<number, Field>;

const value = (name: string, read: () => number): Field => ({
  name,
  load: (registers, dst) => registers.set(dst, read(), 0),
});

function pointer(name: string, packet: Packet, offset: () => number): Field {
  return { name, load: (registers, dst) => registers.set(dst, offset(), packet.high) };
}

function variable(name: string): Field {
  let current = 0;
  return {
    name,
    load: (registers, dst) => registers.set(dst, current, 0),
    store: (next) => {
      current = next;
    },
  };
}

function xdpFields(packet: Packet, surroundings: Surroundings): Fields {
  return new Map([
    [0, pointer("data", packet, () => packet.start)],
    [4, pointer("data_end", packet, () => packet.end)],
    [8, pointer("data_meta", packet, () => packet.start)],
    [12, value("ingress_ifindex", () => surroundings.ingressIfindex)],
    [16, value("rx_queue_index", () => 0)],
    [20, value("egress_ifindex", () => 0)],
  ]);
}

function skbFields(packet: Packet, buffer: SocketBuffer, surroundings: Surroundings): Fields {
  const fields = new Map([
    [0, value("len", () => packet.wholeEnd - packet.start)],
    [4, value("pkt_type", () => buffer.packetType)],
    [8, variable("mark")],
    [12, variable("queue_mapping")],
    [16, value("protocol", () => packet.etherType)],
    // A tag that is still in the frame counts as none: the kernel tells only of those it took off.
    [20, value("vlan_present", () => (buffer.tag === undefined ? 0 : 1))],
    [24, value("vlan_tci", () => buffer.tag?.tci ?? 0)],
    [28, value("vlan_proto", () => swap16(buffer.tag?.type ?? 0))],
    [32, variable("priority")],
    [36, value("ingress_ifindex", () => surroundings.ingressIfindex)],
    [40, value("ifindex", () => surroundings.ingressIfindex)],
    [44, variable("tc_index")],
    [68, value("hash", () => 0)],
    [72, variable("tc_classid")],
    [76, pointer("data", packet, () => packet.start)],
    [80, pointer("data_end", packet, () => packet.end)],
    [140, pointer("data_meta", packet, () => packet.start)],
    [164, value("gso_segs", () => 0)],
    [176, value("gso_size", () => buffer.segmentPayload)],
  ]);
  for (let word = 0; word < 5; word++) fields.set(48 + word * 4, variable(`cb[${word}]`));
  return fields;
}

function byOffset(fields: Fields): ContextFields {
  const find = (at: number, size: number, verb: string): Field => {
    const field = fields.get(at);
    if (field !== undefined && size === 4) return field;
    throw new Fault("YM_VM_MEMORY", `${verb} of ${size} bytes at ${at} of the context: no such field`);
  };
  return {
    load: (at, size, registers, dst) => find(at, size, "load").load(registers, dst),
    store: (at, size, next) => {
      const field = find(at, size, "store");
      if (field.store === undefined) {
        throw new Fault("YM_VM_MEMORY", `store to ${field.name} of the context: read-only`);
      }
      field.store(next);
    },
  };
}

/** Adds the region of the context and gives the upper half of pointers to it. */
export function addContext(memory: Memory, context: Region | undefined, packet: Packet): number {
  return context === undefined ? packet.high : memory.add(context);
}
