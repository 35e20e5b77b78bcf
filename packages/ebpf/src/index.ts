// Entry point "@yardmaster/ebpf": what programs are written with, and the compiler. Loading them is
// "@yardmaster/ebpf/kernel", running them without a kernel "@yardmaster/ebpf/vm".

export type { SourcePosition } from "./asm/index.ts";
export { compile } from "./compile.ts";
export { BuildError, type BuildErrorCode } from "./dsl/build-error.ts";
export {
  type ChecksumChange,
  type ChecksumUpdate,
  checksum,
  checksumChange,
  checksumDifference,
  type Difference,
} from "./dsl/checksum.ts";
export {
  choose,
  guard,
  leave,
  type Loop,
  repeat,
  returnValue,
  type Variable,
  variable,
  when,
} from "./dsl/control.ts";
export {
  atomic,
  callHelper,
  fibLookup,
  jiffies64,
  ktimeGetNs,
  processorId,
  randomU32,
  redirect,
} from "./dsl/helper.ts";
export {
  type ArrayMap,
  type ArrayOfArrays,
  arrayMap,
  arrayOfArrays,
  BPF_F_INNER_MAP,
  BPF_F_MMAPABLE,
  BPF_F_NO_PREALLOC,
  type Global,
  global,
  type HashMap,
  hashMap,
  type LpmTrie,
  lpmTrie,
  type PrefixFields,
  stack,
} from "./dsl/map.ts";
export { Maybe } from "./dsl/maybe.ts";
export {
  type CarriedTag,
  type Checksummed,
  type CoveredChange,
  type Cursor,
  type Encapsulation,
  Packet,
} from "./dsl/packet.ts";
export { fn, type FunctionOptions, loop, verdictFn } from "./dsl/function.ts";
export { type ProgramOptions, type ProgramDefinition, tc, xdp } from "./dsl/program.ts";
export { type ProgramArray, programArray } from "./dsl/program-array.ts";
export type { Located } from "./dsl/reference.ts";
export { Bool, Int, Net } from "./dsl/scalar.ts";
export {
  AF_INET,
  AF_INET6,
  getPeerName,
  Socket,
  type SocketAddress,
  SocketEvent,
  type SocketOperations,
  socketOperations,
  type SocketStorage,
  socketStorage,
} from "./dsl/socket-program.ts";
export {
  type ArrayReference,
  type Fields,
  type Initial,
  type JsObject,
  list,
  pointer,
  type Reference,
  type ReferenceVariable,
  referenceVariable,
  type Struct,
  struct,
  viewAs,
} from "./dsl/struct.ts";
export {
  be16,
  be32,
  be64,
  type BytesReference,
  bytes,
  type DataType,
  type JsOf,
  type StagedOf,
  u8,
  u16,
  u32,
  u64,
} from "./dsl/types.ts";
export { TcPacket } from "./dsl/tc-packet.ts";
export { drop, pass, type Reason, tx, type Verdict, verdict } from "./dsl/verdict.ts";
export { converter, isSameLayout, type Layout, type LayoutField, sizeOfLayout } from "./layout.ts";
export type * from "./spec.ts";
