// The kernel's C interface for the rest of the project: bpf(2), netlink, ioctl, namespaces, memory. Every
// call goes through ffi.ts; every failure is a SyscallError; everything open closes itself (`using`).

export { addressBytes, addressText, macText } from "./address.ts";
export * from "./bpf/constants.ts";
export { countCpus, possibleCpuCount } from "./bpf/cpu.ts";
export * from "./bpf/link.ts";
export * from "./bpf/map.ts";
export * from "./bpf/object.ts";
export * from "./bpf/program.ts";
export { Errno, errnoName, errnoText, SyscallError, type SyscallFailure } from "./errno.ts";
export { driverName, type Offloads, readOffloads, setOffloads } from "./ethtool.ts";
export { FileDescriptor, type OpenResource, openDescriptors, openResources } from "./fd.ts";
export { callCount, type FaultInjection, failNthCall, pageSize } from "./ffi.ts";
export { isBpfFileSystem, mountBpfFileSystem, openDirectory } from "./file-system.ts";
export { assertNothingOpen } from "./leak-check.ts";
export { tryLock } from "./lock.ts";
export { MappedMemory, type MappingOptions } from "./memory.ts";
export {
  addAddress,
  type AddressChange,
  addLink,
  addLinkRoute,
  addPair,
  bringUp,
  type NewLink,
  type NewPair,
  type NewRoute,
  removeAddress,
  removeLink,
} from "./netlink/change.ts";
export { type InterfaceAddress, listAddresses } from "./netlink/interface-address.ts";
export { findLink, type Link, listLinks, type XdpMode } from "./netlink/link.ts";
export { listNeighbours, type Neighbour, type NeighbourState, resolveNeighbour } from "./netlink/neighbour.ts";
export {
  addClsact,
  type FilterPlace,
  listFilters,
  removeClsact,
  removeFilter,
  setFilter,
  type TrafficFilter,
} from "./netlink/traffic-control.ts";
export { withRouteSocket } from "./netlink/route-socket.ts";
export { RouteSnapshot } from "./netlink/route-snapshot.ts";
export { type Route, routeTo, type RouteType } from "./netlink/route.ts";
export { withNetworkNamespace, withTemporaryNetworkNamespace } from "./netns.ts";
export { notifyManager } from "./notify.ts";
export { type CapturedFrame, PacketTap } from "./packet-tap.ts";
export {
  type Capability,
  capabilitiesOf,
  effectiveCapabilities,
  missingPrivileges,
  permissionHint,
} from "./privileges.ts";
export { type Endpoint, FrameSocket, ProbeListener } from "./socket.ts";
