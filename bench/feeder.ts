// The program that runs before the measured one in each repetition. A test run does not restore the packet, so
// the feeder takes off what the last repetition put in front, writes the next flow's packet, checksums and all, and
// goes on as the program under test.

import {
  be16,
  be32,
  type BpfMap,
  bytes,
  compile,
  drop,
  global,
  guard,
  type Int,
  Net,
  programArray,
  struct,
  tx,
  u32,
  u64,
  variable,
  when,
  xdp,
} from "@yardmaster/ebpf";
import { createKernelHost, type KernelProgram } from "@yardmaster/ebpf/kernel";

import { createMaps } from "./live-maps.ts";

/** Bytes of a frame: the smallest that Ethernet carries, without its check sequence. */
export const FRAME_LENGTH = 60;

/** The first 56 bytes of the frame, and which flows to go through. */
export const Template = struct("template", {
  w0: u64,
  w1: u64,
  w2: u64,
  w3: u64,
  w4: u64,
  w5: u64,
  w6: u64,
  /** Unfolded sums over what the checksums cover, source address and port left out. */
  ipSum: u32,
  transportSum: u32,
  isTcp: u32,
  firstAddress: u32,
  /** Number of the first flow, how many there are, the step from one to the next, and which one is next. */
  firstFlow: u32,
  flows: u32,
  stride: u32,
  next: u32,
});
export type TemplateValue = Parameters<typeof Template.encode>[0];

/** Flows use this many ports of an address, from this one on. */
const PORT_BITS = 14;
const FIRST_PORT = 1024;

const Words = struct(
  "frame_words",
  { w0: u64, w1: u64, w2: u64, w3: u64, w4: u64, w5: u64, w6: u64 },
  { packed: true },
);
const Fields = struct(
  "frame_fields",
  {
    before: bytes(24),
    ipCheck: be16,
    source: be32,
    destination: be32,
    sourcePort: be16,
    destinationPort: be16,
    between: bytes(2),
    udpCheck: be16,
    rest: bytes(8),
    tcpCheck: be16,
  },
  { packed: true },
);
const mustNotHappen = { name: "unfed", code: 0 };

/** A loaded feeder. */
export interface Feeder extends Disposable {
  readonly program: KernelProgram;
  /** A program that does nothing: what the feeder itself costs. */
  readonly empty: KernelProgram;
  /** Sets the packets to write and the program to go on as. */
  load(template: TemplateValue, subject: KernelProgram): void;
}

/** Loads the feeder and the empty program. */
export function createFeeder(): Feeder {
  const template = global("template", Template);
  const next = programArray("next", 1);
  const spec = compile(
    xdp("feeder", (packet) => {
      const grown = packet.length().sub(FRAME_LENGTH);
      when(grown.ne(0), () => guard(packet.adjustHead(grown).eq(0)).orDrop(mustNotHappen));
      const words = packet.cursorAt(0).read(Words).orDrop(mustNotHappen);
      const fields = packet.cursorAt(0).read(Fields).orDrop(mustNotHappen);
      const from = template.value;
      for (const word of ["w0", "w1", "w2", "w3", "w4", "w5", "w6"] as const) words[word] = from[word];
      const index = from.next;
      const following = variable(index.add(from.stride));
      when(following.get().ge(from.flows), () => following.set(following.get().sub(from.flows)));
      from.next = following.get();
      const flow = from.firstFlow.add(index);
      const address = from.firstAddress.add(flow.shr(PORT_BITS)).toNet();
      const port = flow
        .and((1 << PORT_BITS) - 1)
        .add(FIRST_PORT)
        .toU16()
        .toNet();
      fields.source = address;
      fields.sourcePort = port;
      const addressSum = address.raw().and(0xffff).add(address.raw().shr(16));
      fields.ipCheck = folded(from.ipSum.add(addressSum));
      const check = folded(from.transportSum.add(addressSum).add(port.raw()));
      when(from.isTcp.ne(0), () => {
        fields.tcpCheck = check;
      }).otherwise(() => {
        const sent = variable(check);
        when(check.eq(0), () => sent.set(be16(0xffff)));
        fields.udpCheck = sent.get();
      });
      next.tailCall(packet, 0);
      return drop(mustNotHappen);
    }),
  );
  const maps = createMaps(spec);
  const host = createKernelHost();
  const program = host.loadProgram(spec, maps as ReadonlyMap<string, BpfMap>);
  const empty = host.loadProgram(compile(xdp("empty", () => tx())), new Map());
  return {
    program,
    empty,
    load(value, subject) {
      maps.get("template")?.update(0, value);
      maps.get("next")?.update(0, subject.fd.value);
    },
    [Symbol.dispose]() {
      for (const object of [program, empty, ...maps.values()]) object.close();
    },
  };
}

function folded(sum: Int<"u32">): Net<"be16"> {
  const once = sum.and(0xffff).add(sum.shr(16));
  const twice = once.add(once.shr(16));
  return new Net("be16", twice.xor(0xffff).toU16().operand());
}
