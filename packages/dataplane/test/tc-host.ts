// Hosts whose balancers are the programs for tc, so that every suite of the data plane runs there as it does for XDP.
// Packets come in as the stack has them: for this machine or others by what it knows of them, and, in the interpreter,
// with checksums yet to be computed, or summed up by a card.

import { execFileSync } from "node:child_process";
import type { BpfHost, BpfProgram, RunOutput, SocketBufferInput } from "@yardmaster/ebpf";
import type { MemoryRunOutput } from "@yardmaster/ebpf/vm";
import { findLink, macText, withNetworkNamespace } from "@yardmaster/linux";
import { checksumProblems, layerOf, parseFrame } from "@yardmaster/packet";

/** How packets' checksums stand when they come in. The kernel's test run makes whole ones only. */
export type ChecksumMode = "whole" | "pending" | "complete";

/** Where the network header begins behind two tags. */
const TWO_TAGS = 22;
/** Of what is longer an ICMP error quotes but the beginning, and a pending checksum becomes that of the beginning. */
const MOST_PENDING = 14 + 548;

interface TcHost {
  readonly mode: ChecksumMode;
  readonly network: TestNetwork | undefined;
}

const hosts = new WeakMap<BpfHost, TcHost>();

/** Makes `host` one whose balancers are for tc; one in the kernel needs a network for its interfaces. */
export function atTc<H extends BpfHost>(host: H, mode: ChecksumMode = "whole", network?: TestNetwork): H {
  hosts.set(host, { mode, network });
  return host;
}

/** Which hook the balancers of a host are for. */
export function hookOf(host: BpfHost): "xdp" | "tc" {
  return hosts.has(host) ? "tc" : "xdp";
}

/** TC_ACT_UNSPEC, TC_ACT_SHOT and TC_ACT_REDIRECT (include/uapi/linux/pkt_cls.h). */
const VERDICTS: ReadonlyMap<number, "pass" | "drop" | "redirect"> = new Map([
  [0xffff_ffff, "pass"],
  [2, "drop"],
  [7, "redirect"],
]);

/** A run's output, with the verdict that XDP would have for it: what goes back where it came from is `tx`. */
export interface TcOutput {
  readonly verdict: "pass" | "drop" | "redirect" | "tx" | "aborted";
  readonly output: RunOutput;
  readonly isSent: boolean;
}

/** A frame, and the network that it comes from. */
export interface Arrival {
  readonly frame: Uint8Array;
  /** Addresses of this machine. */
  readonly macs: readonly string[];
  /** Where the test says that it comes in. */
  readonly ingress: number;
  /** What XDP does to frames that leave where they came in. */
  readonly goesBackAs: "tx" | "redirect";
}

/** Runs a balancer's program at tc on a frame. */
export function runAtTc(host: BpfHost, program: BpfProgram, { frame, macs, ingress, goesBackAs }: Arrival): TcOutput {
  const { mode = "whole", network } = hosts.get(host) ?? {};
  if (network !== undefined) {
    const output = network.run(macs, (ifindex) => program.run({ packet: frame, ingressIfindex: ifindex }));
    const verdict = VERDICTS.get(output.verdict) ?? "aborted";
    // The kernel does not say where a test run redirects to.
    return { verdict: verdict === "redirect" ? goesBackAs : verdict, output, isSent: verdict === "redirect" };
  }
  const { packet, checksum } = withChecksum(frame, frame.length > MOST_PENDING && mode === "pending" ? "whole" : mode);
  const buffer = { packetType: packetType(frame, macs), ...(checksum !== undefined && { checksum }) };
  const output = program.run({ packet, buffer, ingressIfindex: ingress }) as MemoryRunOutput;
  const verdict = VERDICTS.get(output.verdict) ?? "aborted";
  // Of an answer to a frame with two tags the inner one is not counted: the stack sums it up itself then.
  if (output.isCompleteSumRight === false && verdict !== "drop" && networkOffset(frame) < TWO_TAGS) {
    throw new Error("a packet that a card has summed up leaves with a sum that is not its own");
  }
  const isSent = verdict === "redirect";
  return { verdict: isSent && output.redirectIfindex === ingress ? goesBackAs : verdict, output, isSent };
}

/** PACKET_* as eth_type_trans finds it (include/uapi/linux/if_packet.h). */
function packetType(frame: Uint8Array, macs: readonly string[]): number {
  const destination = macText(frame.subarray(0, 6));
  if (macs.includes(destination)) return 0;
  if (destination === "ff:ff:ff:ff:ff:ff") return 1;
  return ((frame[0] ?? 0) & 1) === 1 ? 2 : 3;
}

/** The frame as it comes in: one with a right transport checksum may have it pending. */
function withChecksum(frame: Uint8Array, mode: ChecksumMode) {
  if (mode === "complete") return { packet: frame, checksum: "complete" as const };
  const place = mode === "pending" ? checksumPlace(frame) : undefined;
  if (place === undefined) return { packet: frame, checksum: undefined };
  const packet = Uint8Array.from(frame);
  const view = new DataView(packet.buffer);
  const at = place.start + place.offset;
  // What is in the field and what it covers sum up to 0xffff: the pseudo header's sum is what the rest leaves.
  let sum = 0;
  for (let byte = place.start; byte < packet.length; byte += 2) {
    sum += ((packet[byte] ?? 0) << 8) | (byte + 1 < packet.length ? (packet[byte + 1] ?? 0) : 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(at, ~sum & 0xffff);
  return { packet, checksum: place };
}

/** Where the checksum of a whole, unfragmented TCP or UDP packet without padding is; undefined of any other. */
function checksumPlace(frame: Uint8Array): Exclude<SocketBufferInput["checksum"], string | undefined> | undefined {
  let parsed: ReturnType<typeof parseFrame>;
  try {
    parsed = parseFrame(frame);
  } catch {
    return undefined;
  }
  if (checksumProblems(frame).length > 0) return undefined;
  const [tcp, udp] = [layerOf(parsed, "tcp"), layerOf(parsed, "udp")];
  const ip = layerOf(parsed, "ipv4") ?? layerOf(parsed, "ipv6");
  if (ip === undefined || (tcp === undefined && (udp === undefined || udp.checksum === 0))) return undefined;
  const start = networkOffset(frame);
  const isIpv4 = (frame[start] ?? 0) >>> 4 === 4;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const isFragment = isIpv4 && (view.getUint16(start + 6) & 0x3fff) !== 0;
  const length = isIpv4 ? view.getUint16(start + 2) : 40 + view.getUint16(start + 4);
  const protocol = frame[start + (isIpv4 ? 9 : 6)];
  if (isFragment || start + length !== frame.length || (protocol !== 6 && protocol !== 17)) return undefined;
  return { start: start + (isIpv4 ? ((frame[start] ?? 0) & 15) * 4 : 40), offset: protocol === 6 ? 16 : 6 };
}

/** Where the network header of a frame begins. */
export function networkOffset(frame: Uint8Array): number {
  let at = 12;
  while ([0x8100, 0x88a8].includes(((frame[at] ?? 0) << 8) | (frame[at + 1] ?? 0))) at += 4;
  return at + 2;
}

/** A namespace with an interface for each MAC address: the stack tells by it whom frames are for. */
export class TestNetwork implements Disposable {
  readonly #name = `ymtest-tc-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  readonly #interfaces = new Map<string, number>();

  constructor() {
    execFileSync("ip", ["netns", "add", this.#name]);
  }

  /** Runs `body` there, with the index of the interface of the first of `macs`. */
  run<T>(macs: readonly string[], body: (ifindex: number) => T): T {
    const [mac = ""] = macs;
    return withNetworkNamespace(this.#name, () => body(this.#interfaces.get(mac) ?? this.#add(mac)));
  }

  #add(mac: string): number {
    const name = `tc${this.#interfaces.size}`;
    const ip = (...args: readonly string[]) => execFileSync("ip", ["-n", this.#name, ...args], { stdio: "pipe" });
    ip("link", "add", name, "address", mac, "type", "veth", "peer", "name", `${name}p`);
    ip("link", "set", name, "up");
    const ifindex = findLink(name)?.index ?? 0;
    this.#interfaces.set(mac, ifindex);
    return ifindex;
  }

  [Symbol.dispose](): void {
    execFileSync("ip", ["netns", "del", this.#name]);
  }
}
