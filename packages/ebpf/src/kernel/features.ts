// The features that this project uses, each with its probe. A probe does the smallest thing that only a
// kernel with the feature does.

import {
  BPF_F_SLEEPABLE,
  BpfAttachType,
  BpfMapFlag,
  BpfProgramType,
  Errno,
  FileDescriptor,
  linkCreate,
  pageSize,
  permissionHint,
  programLoad,
  SyscallError,
  XdpFlag,
} from "@yardmaster/linux";
import * as asm from "../asm/index.ts";
import { BtfBuilder, encodeFuncInfo, encodeLineInfo } from "../btf/index.ts";
import type { Codec, MapSpec, ProgramSpec, ProgramType } from "../spec.ts";
import { defineProbe } from "./feature.ts";
import { createKernelMap, type KernelMap } from "./map.ts";
import { loadKernelProgram } from "./program.ts";
import { VerifierError } from "./verifier-error.ts";

const LICENSE = "Dual MIT/GPL";
/** LOOPBACK_IFINDEX (include/net/net_namespace.h): every namespace has it. */
const LOOPBACK = 1;
/** No namespace has so many. */
const NO_INTERFACE = 0x7fff_fff0;
const LOG_SIZE = 4096;

const u32: Codec<number> = {
  size: 4,
  encode: (value) => new Uint8Array(Uint32Array.of(value).buffer),
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true),
};

const pass = [asm.mov64Imm(asm.r0, 2), asm.exit()];

function mapSpec(fields: Partial<MapSpec<number, number>>): MapSpec<number, number> {
  return { name: "probe", type: "array", key: u32, value: u32, maxEntries: 1, flags: 0, ...fields };
}

function programSpec(fields: Partial<ProgramSpec>): ProgramSpec {
  return { name: "probe", type: "xdp", instructions: pass, maps: [], license: LICENSE, ...fields };
}

/** What a kernel answers that does not know what is asked of it; anything else says nothing about the feature. */
const UNKNOWN_TO_KERNEL: readonly number[] = [
  Errno.EINVAL,
  Errno.E2BIG,
  Errno.EOPNOTSUPP,
  Errno.ENOTSUPP,
  Errno.EACCES,
];

/** Whether `act` works. Errors that say that the kernel does not know how mean no; others are thrown. */
function works(act: () => Disposable | void): boolean {
  try {
    act()?.[Symbol.dispose]();
    return true;
  } catch (error) {
    if (error instanceof VerifierError) return false;
    if (error instanceof SyscallError && UNKNOWN_TO_KERNEL.includes(error.errno)) return false;
    throw error;
  }
}

function load(spec: Partial<ProgramSpec>, maps: readonly KernelMap<number, number>[] = []): Disposable {
  return loadKernelProgram(programSpec(spec), new Map(maps.map((map) => [map.spec.name, map as KernelMap])));
}

/**
 * Why this process may not use bpf(2) as a load balancer must, as one sentence that says what to do, or
 * undefined when it may. Loads a program of two instructions to find out.
 */
export function bpfAccessProblem(): string | undefined {
  try {
    load({})[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (error instanceof SyscallError && error.errno === Errno.EPERM) return permissionHint();
    throw error;
  }
}

/** XDP programs attached by a link. The loopback device has no native XDP, and only a kernel that knows such
 * links says so; nothing is attached. */
const xdpLink = defineProbe("XDP links", "5.9", () => {
  using program = loadKernelProgram(programSpec({}), new Map());
  const result = linkCreate({
    program: program.fd,
    target: LOOPBACK,
    attachType: BpfAttachType.XDP,
    flags: XdpFlag.DRV_MODE,
    what: "probe link",
  });
  if (result instanceof FileDescriptor) {
    result.close();
    return true;
  }
  const { errno } = result;
  if (errno === Errno.EINVAL) return false;
  if (errno === Errno.EOPNOTSUPP) return true;
  throw new SyscallError({ doing: "asking for XDP links", command: "bpf(BPF_LINK_CREATE)", errno });
});

/** Programs attached at tc by a link. Only a kernel that knows them looks for the interface, of which there is none. */
const tcxLink = defineProbe("TCX links", "6.6", () => {
  using program = loadKernelProgram(programSpec({ type: "sched_cls" }), new Map());
  const attachType = BpfAttachType.TCX_INGRESS;
  const result = linkCreate({ program: program.fd, target: NO_INTERFACE, attachType, flags: 0, what: "probe link" });
  if (result instanceof FileDescriptor) {
    result.close();
    return true;
  }
  if (result.errno === Errno.EINVAL) return false;
  if (result.errno === Errno.ENODEV) return true;
  throw new SyscallError({ doing: "asking for TCX links", command: "bpf(BPF_LINK_CREATE)", errno: result.errno });
});

/** Reading and writing many entries with one call, of hash and of per-CPU array maps. */
const batchOperations = defineProbe("batch operations on maps", "5.13", () =>
  works(() => {
    for (const type of ["hash", "percpu_array"] as const) {
      using map = createKernelMap(mapSpec({ type }));
      map.updateBatch([[0, 1]]);
    }
  }),
);

/** Inner maps whose sizes differ (BPF_F_INNER_MAP). */
const innerMapsOfAnySize = defineProbe("inner maps of different sizes (BPF_F_INNER_MAP)", "5.10", () =>
  works(() => {
    const inner = mapSpec({ name: "probe_inner", flags: BpfMapFlag.INNER_MAP });
    using outer = createKernelMap(mapSpec({ type: "array_of_maps", inner }));
    using larger = createKernelMap({ ...inner, maxEntries: 2 });
    outer.updateInner(0, larger);
  }),
);

/** Ring buffer maps. */
const ringBufferMaps = defineProbe("ring buffer maps", "5.8", () =>
  works(() => createKernelMap(mapSpec({ type: "ringbuf", maxEntries: pageSize() }))),
);

/** Programs that carry func_info and line_info, so that the verifier quotes source lines. */
const programTypeInfo = defineProbe("type and line information of programs (BTF)", "5.0", () => {
  const builder = new BtfBuilder();
  const prototype = builder.addFunctionPrototype(builder.addInt("u32", 32), []);
  const typeId = builder.addFunction("probe", prototype, "global");
  const [fileNameOffset, lineOffset] = [builder.addString("probe.ts"), builder.addString("return pass();")];
  const line = { instructionOffset: 0, fileNameOffset, lineOffset, line: 1, column: 1 };
  const btf = {
    blob: builder.build(),
    funcInfo: encodeFuncInfo([{ instructionOffset: 0, typeId }]),
    lineInfo: encodeLineInfo([line]),
  };
  return works(() => load({ btf }));
});

/** Atomic operations that give the old value, exchange and compare-exchange (instruction set version 3). */
const atomicFetch = defineProbe("atomic operations with a result", "5.12", () =>
  works(() =>
    load({
      instructions: [
        asm.storeImm(8, asm.fp, -8, 0),
        asm.mov64Imm(asm.r1, 1),
        asm.atomic("add", 8, asm.fp, -8, asm.r1, { fetch: true }),
        ...pass,
      ],
    }),
  ),
);

/** Hash maps without preallocation in every program type that is used: sleepable ones refused them. */
const hashWithoutPreallocation = defineProbe("hash maps without preallocation in syscall programs", "6.1", () => {
  using map = createKernelMap(mapSpec({ type: "hash", flags: BpfMapFlag.NO_PREALLOC }));
  const instructions = [
    asm.storeImm(4, asm.fp, -4, 0),
    asm.mov64(asm.r2, asm.fp),
    asm.aluImm("add", 64, asm.r2, -4),
    asm.loadMap(asm.r1, map.spec.name),
    asm.callHelper(1),
    ...pass,
  ];
  const types: readonly ProgramType[] = ["xdp", "sched_cls", "syscall"];
  return types.every((type) => works(() => load({ type, instructions }, [map])));
});

/** What the verifier says to a call of a helper that it does not have, or not for this type of program. */
const NO_HELPER = /invalid func |unknown func |program of this type cannot use helper /u;

/** Whether programs of `type` may call the helper `name` ("fib_lookup"). The call is refused either way, for
 * its missing arguments at the latest; the verifier's words tell which. */
export function hasHelper(type: ProgramType, name: string): boolean {
  const id = asm.helperId(name);
  if (id === undefined) throw new RangeError(`asking for a helper: "${name}" is not known`);
  const buffer = new Uint8Array(LOG_SIZE);
  const result = programLoad({
    name: "probe",
    type: BpfProgramType[type],
    instructions: asm.encode([asm.callHelper(id), asm.exit()]),
    license: LICENSE,
    flags: type === "syscall" ? BPF_F_SLEEPABLE : 0,
    log: { buffer, level: 1 },
  });
  if (result instanceof FileDescriptor) {
    result.close();
    return true;
  }
  if (result.errno === Errno.EPERM) {
    const doing = `asking for helper "${name}"`;
    throw new SyscallError({ doing, command: "bpf(BPF_PROG_LOAD)", errno: result.errno, hint: permissionHint() });
  }
  return !NO_HELPER.test(Buffer.from(buffer).toString("latin1"));
}

const loopHelper = defineProbe("bpf_loop", "5.17", () => hasHelper("xdp", "loop"));
const jiffiesHelper = defineProbe("bpf_jiffies64", "5.6", () => hasHelper("xdp", "jiffies64"));
const fibLookupHelper = defineProbe("bpf_fib_lookup", "4.18", () => hasHelper("xdp", "fib_lookup"));

/** The features that the project uses. */
export const features = {
  xdpLink,
  tcxLink,
  batchOperations,
  innerMapsOfAnySize,
  ringBufferMaps,
  programTypeInfo,
  atomicFetch,
  hashWithoutPreallocation,
  loopHelper,
  jiffiesHelper,
  fibLookupHelper,
} as const;
