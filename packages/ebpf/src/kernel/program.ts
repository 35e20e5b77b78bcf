// A program in the kernel: its number, what the verifier found, and running it without a wire.

import {
  BPF_F_TEST_XDP_LIVE_FRAMES,
  type FileDescriptor,
  type ProgramInfo,
  programInfo,
  programTestRun,
} from "@yardmaster/linux";
import type { BpfMap, BpfProgram, LoadedSpec, ProgramSpec, RunInput, RunOutput } from "../spec.ts";
import { loadProgramDescriptor } from "./load.ts";

/** A packet can grow by the headroom (256) and by what is left of its page behind it (net/bpf/test_run.c). */
const GROWTH = 4096;
/** struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex. */
const XDP_CONTEXT_SIZE = 24;
const XDP_DATA_END = 4;
const XDP_INGRESS_IFINDEX = 12;
/** struct __sk_buff, of which a run takes ingress_ifindex, ifindex and gso_size (convert___skb_to_skb). */
const SKB_CONTEXT_SIZE = 192;
const SKB_INGRESS_IFINDEX = 36;
const SKB_IFINDEX = 40;
const SKB_GSO_SIZE = 176;

/** A loaded program. */
export class KernelProgram implements BpfProgram {
  readonly spec: LoadedSpec;
  readonly fd: FileDescriptor;
  #info: ProgramInfo | undefined;

  /** Takes ownership of `fd`, a loaded program that `spec` describes. */
  constructor({ name, type, attachType }: LoadedSpec, fd: FileDescriptor) {
    this.spec = { name, type, attachType };
    this.fd = fd;
  }

  /** What the kernel tells of it: lengths after translation and compilation, instructions verified. */
  get info(): ProgramInfo {
    this.#info ??= programInfo(this.fd);
    return this.#info;
  }

  /** The kernel's number for the program, as in `bpftool prog` and `ip link`. */
  get id(): number {
    return this.info.id;
  }

  /**
   * Runs the program in the kernel. Of a `syscall` program the packet is the context, which it may change;
   * it runs once and takes no time that anybody measures.
   */
  run(input: RunInput): RunOutput {
    if (this.spec.type === "syscall") {
      const context = Uint8Array.from(input.packet);
      const { returnValue } = programTestRun(this.fd, { context });
      return { verdict: returnValue, packet: context, durationNs: 0 };
    }
    const dataOut = new Uint8Array(input.packet.length + GROWTH);
    const result = programTestRun(this.fd, {
      data: input.packet,
      dataOut,
      context: this.#context(input),
      repeat: input.repeat ?? 1,
    });
    return {
      verdict: result.returnValue,
      packet: dataOut.slice(0, result.dataOutLength),
      durationNs: result.durationNs,
    };
  }

  /**
   * Runs an XDP program on a frame as if it had come in on interface `interfaceIndex` of this network namespace, and
   * does with the frame what the program says: what it passes goes to the network stack (BPF_F_TEST_XDP_LIVE_FRAMES).
   * Programs attached to the interface do not see it.
   */
  inject(frame: Uint8Array, interfaceIndex: number): void {
    const context = this.#context({ packet: frame, ingressIfindex: interfaceIndex });
    programTestRun(this.fd, { data: frame, context, repeat: 1, flags: BPF_F_TEST_XDP_LIVE_FRAMES });
  }

  close(): void {
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #context({ packet, ingressIfindex, buffer }: RunInput): Uint8Array | undefined {
    const isXdp = this.spec.type === "xdp";
    const segmentPayload = isXdp ? undefined : buffer?.segmentPayload;
    if (ingressIfindex === undefined && segmentPayload === undefined) return undefined;
    const context = new DataView(new ArrayBuffer(isXdp ? XDP_CONTEXT_SIZE : SKB_CONTEXT_SIZE));
    if (isXdp) {
      // The kernel refuses a context whose data_end is not the packet's length (bpf_prog_test_run_xdp).
      context.setUint32(XDP_DATA_END, packet.length, true);
      context.setUint32(XDP_INGRESS_IFINDEX, ingressIfindex ?? 0, true);
    } else {
      context.setUint32(SKB_INGRESS_IFINDEX, ingressIfindex ?? 0, true);
      context.setUint32(SKB_IFINDEX, ingressIfindex ?? 0, true);
      context.setUint32(SKB_GSO_SIZE, segmentPayload ?? 0, true);
    }
    return new Uint8Array(context.buffer);
  }
}

/** Loads a program; throws as `loadProgramDescriptor` does. */
export function loadKernelProgram(spec: ProgramSpec, maps: ReadonlyMap<string, BpfMap>): KernelProgram {
  return new KernelProgram(spec, loadProgramDescriptor(spec, maps));
}
