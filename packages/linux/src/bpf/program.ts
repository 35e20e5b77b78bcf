// bpf(2) commands on programs: loading, running without a wire, and type information.

import { Errno } from "../errno.ts";
import { FileDescriptor } from "../fd.ts";
import { BpfAttribute, bpfError } from "./attribute.ts";

/** How often libbpf, too, begins a load again that a pending signal interrupted (sys_bpf_prog_load). */
const LOAD_ATTEMPTS = 5;
/** The same of runs, which end between two repetitions (bpf_test_timer_continue, net/bpf/test_run.c). */
const RUN_ATTEMPTS = 5;

/** Records about the instructions: one array of structs of `recordSize` bytes each. */
export interface ProgramRecords {
  readonly bytes: Uint8Array;
  readonly recordSize: number;
}

/** Arguments of BPF_PROG_LOAD. */
export interface ProgramLoadOptions {
  readonly name: string;
  /** One of BpfProgramType. */
  readonly type: number;
  /** Encoded instructions, 8 bytes a slot. */
  readonly instructions: Uint8Array;
  readonly license: string;
  readonly flags?: number;
  readonly expectedAttachType?: number;
  /** Where the verifier writes its log; without it, no log. */
  readonly log?: { readonly buffer: Uint8Array; readonly level: number } | undefined;
  readonly btf?:
    | { readonly fd: FileDescriptor; readonly funcInfo: ProgramRecords; readonly lineInfo: ProgramRecords }
    | undefined;
}

function recordCount(records: ProgramRecords): number {
  return records.bytes.length / records.recordSize;
}

/** Loads a program: its descriptor, or the positive errno with which the kernel refused. */
export function programLoad(options: ProgramLoadOptions): FileDescriptor | { readonly errno: number } {
  const attr = new BpfAttribute(144)
    .u32(0, options.type)
    .u32(4, options.instructions.length / 8)
    .pointer(8, options.instructions)
    .string(16, options.license)
    .u32(44, options.flags ?? 0)
    .name(48, options.name)
    .u32(68, options.expectedAttachType ?? 0);
  if (options.log !== undefined) {
    const { buffer, level } = options.log;
    attr.u32(24, level).u32(28, buffer.length).pointer(32, buffer);
  }
  if (options.btf !== undefined) {
    const { fd, funcInfo, lineInfo } = options.btf;
    attr.u32(72, fd.value);
    attr.u32(76, funcInfo.recordSize).pointer(80, funcInfo.bytes).u32(88, recordCount(funcInfo));
    attr.u32(92, lineInfo.recordSize).pointer(96, lineInfo.bytes).u32(104, recordCount(lineInfo));
  }
  let result = -Errno.EAGAIN;
  for (let attempt = 0; attempt < LOAD_ATTEMPTS && result === -Errno.EAGAIN; attempt += 1) {
    result = attr.tryCall("PROG_LOAD");
  }
  return result < 0 ? { errno: -result } : new FileDescriptor(result, `program "${options.name}"`);
}

/** Arguments of BPF_PROG_TEST_RUN. Buffers that the kernel writes are the caller's. */
export interface ProgramTestRunOptions {
  readonly data?: Uint8Array | undefined;
  readonly dataOut?: Uint8Array | undefined;
  readonly context?: Uint8Array | undefined;
  readonly contextOut?: Uint8Array | undefined;
  readonly repeat?: number;
  readonly flags?: number;
  readonly cpu?: number;
}

/** What a run gave: the program's return value, mean nanoseconds, and how much was written. */
export interface ProgramTestRun {
  readonly returnValue: number;
  readonly durationNs: number;
  readonly dataOutLength: number;
  readonly contextOutLength: number;
}

/**
 * Runs a program on `data`, anew where a signal for this thread ended a repeated run. Throws with ENOSPC when `dataOut`
 * is too small for what came out.
 */
export function programTestRun(program: FileDescriptor, options: ProgramTestRunOptions): ProgramTestRun {
  const attr = new BpfAttribute(80)
    .u32(0, program.value)
    .u32(8, options.data?.length ?? 0)
    .u32(12, options.dataOut?.length ?? 0)
    .pointer(16, options.data)
    .pointer(24, options.dataOut)
    .u32(32, options.repeat ?? 0)
    .u32(40, options.context?.length ?? 0)
    .u32(44, options.contextOut?.length ?? 0)
    .pointer(48, options.context)
    .pointer(56, options.contextOut)
    .u32(64, options.flags ?? 0)
    .u32(68, options.cpu ?? 0);
  const doing = `running ${program.what} on a packet of ${options.data?.length ?? 0} bytes`;
  for (let attempt = 1; ; attempt += 1) {
    const result = attr.tryCall("PROG_TEST_RUN");
    if (result >= 0) break;
    if (-result !== Errno.EINTR || attempt === RUN_ATTEMPTS) throw bpfError("PROG_TEST_RUN", doing, -result);
  }
  return {
    returnValue: attr.getU32(4),
    dataOutLength: attr.getU32(12),
    durationNs: attr.getU32(36),
    contextOutLength: attr.getU32(44),
  };
}

/** Loads a BTF blob: its descriptor, or the positive errno with which the kernel refused. */
export function btfLoad(
  blob: Uint8Array,
  log?: { readonly buffer: Uint8Array; readonly level: number },
): FileDescriptor | { readonly errno: number } {
  const attr = new BpfAttribute(28).pointer(0, blob).u32(16, blob.length);
  if (log !== undefined) attr.pointer(8, log.buffer).u32(20, log.buffer.length).u32(24, log.level);
  const result = attr.tryCall("BTF_LOAD");
  return result < 0 ? { errno: -result } : new FileDescriptor(result, "type information (BTF)");
}
