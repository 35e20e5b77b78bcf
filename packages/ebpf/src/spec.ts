// The contract between the halves of this library: `compile()` returns these plain values, the same
// on every machine; a host (the kernel, or the interpreter) turns them into live objects.

import type { Instruction } from "./asm/instruction.ts";
import type { BtfBuilder, BtfTypeId } from "./btf/index.ts";
import type { Layout } from "./layout.ts";

/** Turns values into bytes of a fixed size and back. A `struct` of the DSL is one. */
export interface Codec<T> {
  /** Size in bytes. */
  readonly size: number;
  /** Bytes of `value`; padding is zero. Throws a RangeError that names the field that does not fit. */
  encode(value: T): Uint8Array;
  /** The same, to where there are zeros, or another value of the type: for those who write many. */
  encodeInto?(value: T, view: DataView, at: number): void;
  /** The value held in the first `size` bytes. */
  decode(bytes: Uint8Array): T;
  /** Adds the type to a BTF blob and returns its id: with it `bpftool map dump` shows fields by name. */
  btf?(builder: BtfBuilder): BtfTypeId;
  /** Where the parts of a value stand: what another version of a program must know to read it. */
  readonly layout?: Layout;
}

/** Map types that the library knows (enum bpf_map_type, include/uapi/linux/bpf.h). */
export type MapType =
  | "hash"
  | "array"
  | "percpu_hash"
  | "percpu_array"
  | "lru_hash"
  | "lru_percpu_hash"
  | "lpm_trie"
  | "array_of_maps"
  | "hash_of_maps"
  | "prog_array"
  | "devmap"
  | "ringbuf"
  | "sk_storage";

/** A map as it should be; `createMap` of a host makes it real. */
export interface MapSpec<K = unknown, V = unknown> {
  /** At most 15 characters of [A-Za-z0-9_.] (BPF_OBJ_NAME_LEN). Programs refer to the map by it. */
  readonly name: string;
  readonly type: MapType;
  readonly key: Codec<K>;
  /** Of `array_of_maps` and `hash_of_maps`: a 4-byte codec of no interest. */
  readonly value: Codec<V>;
  readonly maxEntries: number;
  /** Bits of BPF_F_* for map_create; hosts add none of their own. */
  readonly flags: number;
  /** Of a map of maps: what each inner map must look like. */
  readonly inner?: MapSpec;
}

/** Program types that the library emits (enum bpf_prog_type, include/uapi/linux/bpf.h). */
export type ProgramType = "xdp" | "sched_cls" | "syscall" | "sock_ops" | "cgroup_sock_addr";

/** Hooks of program types that have several; the verifier wants to know which (enum bpf_attach_type). */
export type AttachType = "cgroup_sock_ops" | "cgroup_inet4_getpeername" | "cgroup_inet6_getpeername";

/** A program as the compiler left it. */
export interface ProgramSpec {
  /** At most 15 characters of [A-Za-z0-9_.]. */
  readonly name: string;
  readonly type: ProgramType;
  /** Of types with several hooks. */
  readonly attachType?: AttachType | undefined;
  readonly instructions: readonly Instruction[];
  /** Every map the instructions refer to, by name. */
  readonly maps: readonly MapSpec[];
  readonly license: string;
  /** Type information for the kernel: the BTF blob, and func_info and line_info records as
   * BPF_PROG_LOAD takes them (struct bpf_func_info: 8 bytes, struct bpf_line_info: 16 bytes). */
  readonly btf?: {
    readonly blob: Uint8Array;
    readonly funcInfo: Uint8Array;
    readonly lineInfo: Uint8Array;
    /** Bytes into the blob of the linkage (16 bits) of each global function that takes the context. */
    readonly contextFunctions?: readonly number[];
  };
}

/** What stays known of a program that was loaded: its instructions take megabytes, and are the kernel's then. */
export type LoadedSpec = Pick<ProgramSpec, "name" | "type" | "attachType">;

/** How an update treats an entry that is there already (BPF_ANY, BPF_NOEXIST, BPF_EXIST). */
export type UpdateMode = "any" | "create" | "replace";

/** Entries of a map as raw bytes: `count` keys and values, each packed one after another. */
export interface RawBatch {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

/** A part of a hash table. */
export interface MapPart extends RawBatch {
  /** Where the part behind it begins; undefined: there is none. */
  readonly next: number | undefined;
}

/** A live map, in the kernel or in memory. Closing it twice is harmless. */
export interface BpfMap<K = unknown, V = unknown> extends Disposable {
  readonly spec: MapSpec<K, V>;
  /** The value, or undefined where there is none. Of a per-CPU map: use `lookupPerCpu`. */
  lookup(key: K): V | undefined;
  /** One value per possible CPU. */
  lookupPerCpu(key: K): V[] | undefined;
  /** False where `mode` forbids it (entry exists, or does not); throws for every other failure. */
  update(key: K, value: V, mode?: UpdateMode): boolean;
  updatePerCpu(key: K, values: readonly V[]): void;
  /**
   * Of an array with values of 4 bytes that can be mapped (BPF_F_MMAPABLE): writes one in a single store. A program
   * reads the old value or the new one, and whoever reads the new one sees everything that was written to maps before.
   */
  exchange(key: K, value: V): void;
  /** Of such an array: writes its entries from the first on, where nobody reads them yet. */
  writeWords(words: Uint32Array): void;
  /** Of a map of maps: puts `inner` at `key`, replacing in one step what was there. */
  updateInner(key: K, inner: BpfMap): void;
  /** The same of many, each in one step: from Linux 6.8 on the kernel waits for running programs once for all. */
  updateInners(entries: readonly (readonly [key: K, inner: BpfMap])[]): void;
  /** False where there was none. */
  delete(key: K): boolean;
  /** All entries, decoded; entries that come or go meanwhile may or may not be seen. */
  entries(): IterableIterator<[K, V]>;
  /** All entries as raw bytes, in batches: `count` keys and values packed one after another. The
   * arrays are reused between batches. */
  batches(batchSize: number): IterableIterator<RawBatch>;
  /**
   * Of a hash that never evicts: for who reads it in parts, in any order. The function that it gives reads about `room`
   * entries from a place on, more where one bucket holds more; a table begins at 0. An entry keeps its place as long as
   * it is there: it is seen whenever everything between two places around it is. The arrays are reused.
   */
  parts(room: number): (from: number) => MapPart;
  /** Writes many entries with few calls. */
  updateBatch(entries: Iterable<readonly [K, V]>): void;
  /** The same of entries as they are, like those that `batches` gives. */
  updateRaw(batch: RawBatch): void;
  close(): void;
}

/**
 * sched_cls: what the stack knows of a packet beside its bytes. The kernel's test run takes only `segmentPayload`; its
 * packets are in one piece, have whole checksums and their tags in the frame.
 */
export interface SocketBufferInput {
  /** Bytes in the first piece, which programs can read at once. Default: all. At least 14. */
  readonly linearBytes?: number;
  /**
   * `whole`: as on a wire. `complete`: so, too, and a card has summed up the packet (CHECKSUM_COMPLETE). Or the
   * checksum is yet to be computed, of everything from byte `start` of the frame on, to be put `offset` behind that.
   */
  readonly checksum?: "whole" | "complete" | { readonly start: number; readonly offset: number };
  /** Bytes of payload in each segment that the packet will be divided into (gso_size). Default 0: it is one. */
  readonly segmentPayload?: number;
  /** PACKET_* of include/uapi/linux/if_packet.h. Default 0, for this machine. */
  readonly packetType?: number;
}

/** One run of a program on a packet that is not on any wire (BPF_PROG_TEST_RUN). */
export interface RunInput {
  readonly packet: Uint8Array;
  /** Default 1. The packet is *not* restored between repetitions. */
  readonly repeat?: number;
  /** xdp: `ingress_ifindex` of the context; the kernel accepts only interfaces that exist. */
  readonly ingressIfindex?: number;
  readonly buffer?: SocketBufferInput;
}
export interface RunOutput {
  /**
   * What the program returned, 32 bits unsigned (xdp: XDP_ABORTED 0, DROP 1, PASS 2, TX 3, REDIRECT 4; sched_cls:
   * TC_ACT_UNSPEC 0xffffffff, SHOT 2, REDIRECT 7).
   */
  readonly verdict: number;
  readonly packet: Uint8Array;
  /** Mean nanoseconds per repetition, as the host measured them. */
  readonly durationNs: number;
}

/** A loaded program. */
export interface BpfProgram extends Disposable {
  readonly spec: LoadedSpec;
  run(input: RunInput): RunOutput;
  close(): void;
}

/** Where maps and programs live: the kernel, or the interpreter in this process. */
export interface BpfHost {
  readonly kind: "kernel" | "memory";
  createMap<K, V>(spec: MapSpec<K, V>): BpfMap<K, V>;
  /**
   * The same live map under another description, which must fit its type, sizes and flags. Each is closed on its own;
   * the map lives until all are. Not of maps of maps.
   */
  reopenMap<K, V>(map: BpfMap, spec: MapSpec<K, V>): BpfMap<K, V>;
  /** Returns when every run of a program that had begun is over: nothing reads what no map leads to any more. */
  waitForRuns(): void;
  /** Loads `spec`; `maps` must hold every map that it names. */
  loadProgram(spec: ProgramSpec, maps: ReadonlyMap<string, BpfMap>): BpfProgram;
}
