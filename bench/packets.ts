// What the feeder writes: templates of frames of one protocol to one address, and sequences of flows.

import { network } from "./network.ts";
import { addressNumber, macBytes } from "./subject.ts";
import { FRAME_LENGTH, type TemplateValue } from "./feeder.ts";

export type Protocol = "tcp" | "udp";

const IP_LENGTH = FRAME_LENGTH - 14;
const NUMBERS = { tcp: 6, udp: 17 } as const;
/** Flags of the packets that open flows, and of the others (RFC 9293). */
export const TCP_SYN = 0x02;
export const TCP_ACK = 0x10;

/** Which flows, in which order. */
export interface FlowSequence {
  readonly firstFlow: number;
  readonly flows: number;
  /** Shuffled: each flow once per round, but not in the order in which their entries were made. */
  readonly order: "created" | "shuffled";
}

/** The template for packets from clients to `address`. */
export function template(
  protocol: Protocol,
  address: string,
  tcpFlags: number,
  { firstFlow, flows, order }: FlowSequence,
): TemplateValue {
  const frame = new Uint8Array(56);
  const view = new DataView(frame.buffer);
  frame.set(macBytes(network.directorMac), 0);
  frame.set(macBytes(network.clientMac), 6);
  view.setUint16(12, 0x0800);
  view.setUint16(14, 0x4500);
  view.setUint16(16, IP_LENGTH);
  view.setUint16(20, 0x4000);
  view.setUint16(22, (64 << 8) | NUMBERS[protocol]);
  view.setUint32(30, addressNumber(address));
  view.setUint16(36, network.servicePort);
  if (protocol === "tcp") view.setUint32(46, (0x50 << 24) | (tcpFlags << 16) | 0xffff);
  else view.setUint16(38, IP_LENGTH - 20);
  const pseudoHeader = swapped(NUMBERS[protocol]) + swapped(IP_LENGTH - 20);
  const words = Array.from({ length: 7 }, (_, index) => view.getBigUint64(index * 8, true));
  const [w0 = 0n, w1 = 0n, w2 = 0n, w3 = 0n, w4 = 0n, w5 = 0n, w6 = 0n] = words;
  return {
    w0,
    w1,
    w2,
    w3,
    w4,
    w5,
    w6,
    ipSum: sum(view, 14, 34),
    transportSum: sum(view, 26, 54) + pseudoHeader,
    isTcp: protocol === "tcp" ? 1 : 0,
    firstAddress: addressNumber(network.firstClient),
    firstFlow,
    flows,
    stride: order === "shuffled" ? strideThrough(flows) : 1,
    next: 0,
  };
}

/** Sum of the 16-bit words as this machine reads them: their order does not matter to a checksum (RFC 1071). */
function sum(view: DataView, from: number, to: number): number {
  let total = 0;
  for (let at = from; at < to; at += 2) total += view.getUint16(at, true);
  return total;
}

function swapped(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8);
}

/** About the golden section of `flows`, and prime to it. */
function strideThrough(flows: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let stride = Math.max(1, Math.floor(flows * 0.618));
  while (divisor(stride, flows) !== 1) stride += 1;
  return stride;
}

/** The frame that a run begins with; the feeder writes over it. */
export const blankFrame = new Uint8Array(FRAME_LENGTH);
