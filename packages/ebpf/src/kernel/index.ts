// Entry point "@yardmaster/ebpf/kernel": specs become live maps, programs and links in the kernel of this
// machine. Needs Linux 6.1 or later, and the capabilities that `missingPrivileges` of @yardmaster/linux names.

export { attachCgroup, CgroupLink } from "./cgroup-link.ts";
export { withoutGlobalContexts } from "./context-types.ts";
export { ObjectError, type ObjectErrorCode } from "./errors.ts";
export {
  defineProbe,
  type FeatureProbe,
  isKernelAtLeast,
  UnsupportedFeatureError,
} from "./feature.ts";
export { bpfAccessProblem, features, hasHelper } from "./features.ts";
export { createKernelHost, type KernelHost } from "./host.ts";
export { createKernelMap, KernelMap, type MappedArray } from "./map.ts";

export {
  ensurePinDirectory,
  openPinnedCgroupLink,
  openPinnedMap,
  openPinnedProgram,
  openPinnedXdpLink,
  pin,
  readPinnedBytes,
  unpin,
} from "./pin.ts";
export { KernelProgram, loadKernelProgram } from "./program.ts";
export { RingBuffer } from "./ring-buffer.ts";
export {
  type AttachTcOptions,
  attachTc,
  findLeftFilter,
  findTcProgram,
  openLeftFilter,
  removeLeftFilter,
  TcAttachError,
  type TcAttachment,
  type TcAttachMode,
} from "./tc-link.ts";
export { attachTcEgress, removeTcEgress } from "./tc-egress.ts";
export { VerifierError } from "./verifier-error.ts";
export { readVerifierLog, type VerifierFinding } from "./verifier-log.ts";
export {
  type AttachXdpOptions,
  attachXdp,
  findXdpOccupant,
  XdpAttachError,
  type XdpAttachErrorCode,
  type XdpAttachMode,
  XdpLink,
  type XdpOccupant,
} from "./xdp-link.ts";
