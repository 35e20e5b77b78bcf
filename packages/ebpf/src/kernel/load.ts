// Loading a program: without a log first, which is fast; if the kernel refuses, once more with the log on,
// only to explain.

import {
  BPF_F_SLEEPABLE,
  BpfAttachType,
  BpfProgramType,
  btfLoad,
  Errno,
  FileDescriptor,
  type ProgramLoadOptions,
  permissionHint,
  programLoad,
  SyscallError,
} from "@yardmaster/linux";
import { encode } from "../asm/index.ts";
import type { BpfMap, ProgramSpec } from "../spec.ts";
import { hasKernelTypes, withoutGlobalContexts } from "./context-types.ts";
import { ObjectError } from "./errors.ts";
import { KernelMap } from "./map.ts";
import { VerifierError } from "./verifier-error.ts";

/** The log's buffer grows by this factor between these sizes while the kernel says ENOSPC. */
const LOG_SIZE_START = 1 << 18;
const LOG_SIZE_MAX = 1 << 24;
const LOG_SIZE_FACTOR = 8;
/** Log level 1: every instruction on the ways that the verifier took (kernel/bpf/verifier.c). */
const LOG_LEVEL = 1;
/** sizeof(struct bpf_func_info), sizeof(struct bpf_line_info) */
const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;

type Loader = (log?: {
  readonly buffer: Uint8Array;
  readonly level: number;
}) => FileDescriptor | { readonly errno: number };

/** Loads again with the log on until it fits: the log, or undefined when the kernel now accepts. */
function explain(load: Loader): string | undefined {
  for (let size = LOG_SIZE_START; ; size *= LOG_SIZE_FACTOR) {
    const buffer = new Uint8Array(size);
    const result = load({ buffer, level: LOG_LEVEL });
    if (result instanceof FileDescriptor) {
      result.close();
      return undefined;
    }
    if (result.errno === Errno.ENOSPC && size < LOG_SIZE_MAX) continue;
    const end = buffer.indexOf(0);
    return Buffer.from(buffer.buffer, 0, end < 0 ? size : end).toString("utf8");
  }
}

function refused(spec: ProgramSpec, load: Loader, errno: number, command: string): Error {
  const log = explain(load);
  const doing = `loading program "${spec.name}"`;
  if (log === undefined) {
    const hint = "the same load was accepted a moment later, so this was no fault of the program: load it again";
    return new SyscallError({ doing, command, errno, hint });
  }
  if (log.trim() !== "") return new VerifierError(spec, errno, log);
  return new SyscallError({ doing, command, errno, hint: errno === Errno.EPERM ? permissionHint() : undefined });
}

function loadTypes(spec: ProgramSpec, blob: Uint8Array): FileDescriptor {
  const load: Loader = (log) => btfLoad(blob, log);
  const result = load();
  if (result instanceof FileDescriptor) return result;
  throw refused(spec, load, result.errno, "bpf(BPF_BTF_LOAD)");
}

function encodeWith(spec: ProgramSpec, maps: ReadonlyMap<string, BpfMap>): Uint8Array {
  return encode(spec.instructions, ({ map: name }) => {
    const map = maps.get(name);
    if (map instanceof KernelMap) return { fd: map.fd.value };
    const problem = map === undefined ? "was not given" : "does not live in the kernel";
    throw new ObjectError("YM_PROGRAM_MAPS", `loading program "${spec.name}": map "${name}" ${problem}`);
  });
}

/** What the verifier is told of the hook. */
function attachTypeOf({ type, attachType }: ProgramSpec): number {
  if (attachType !== undefined) return BpfAttachType[attachType];
  return type === "xdp" ? BpfAttachType.XDP : 0;
}

/**
 * Loads a program and gives its descriptor. Throws VerifierError when the verifier refuses, SyscallError when
 * the kernel refuses without a reason, ObjectError when a map is missing.
 */
export function loadProgramDescriptor(given: ProgramSpec, maps: ReadonlyMap<string, BpfMap>): FileDescriptor {
  const spec = hasKernelTypes() ? given : withoutGlobalContexts(given);
  const instructions = encodeWith(spec, maps);
  using types = spec.btf === undefined ? undefined : loadTypes(spec, spec.btf.blob);
  const options: ProgramLoadOptions = {
    name: spec.name,
    type: BpfProgramType[spec.type],
    instructions,
    license: spec.license,
    flags: spec.type === "syscall" ? BPF_F_SLEEPABLE : 0,
    expectedAttachType: attachTypeOf(spec),
    btf:
      spec.btf === undefined || types === undefined
        ? undefined
        : {
            fd: types,
            funcInfo: { bytes: spec.btf.funcInfo, recordSize: FUNC_INFO_SIZE },
            lineInfo: { bytes: spec.btf.lineInfo, recordSize: LINE_INFO_SIZE },
          },
  };
  const load: Loader = (log) => programLoad({ ...options, log });
  const result = load();
  if (result instanceof FileDescriptor) return result;
  throw refused(spec, load, result.errno, "bpf(BPF_PROG_LOAD)");
}
