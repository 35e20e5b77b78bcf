// What the ethtool program does, by ioctl: the offloads that matter to packets rewritten by hand, and the
// driver's name. include/uapi/linux/ethtool.h, include/uapi/linux/sockios.h

import { Errno, SyscallError } from "./errno.ts";
import { FileDescriptor } from "./fd.ts";
import * as ffi from "./ffi.ts";
import { permissionHint } from "./privileges.ts";

const SIOCETHTOOL = 0x8946;
const ETHTOOL_GDRVINFO = 3;
/** sizeof(struct ifreq) on 64-bit machines; the name fills its first 16 bytes, the data pointer follows. */
const IFREQ_SIZE = 40;
const INTERFACE_NAME_LENGTH = 16;
/** sizeof(struct ethtool_drvinfo); the driver's name is the 32 bytes after the command. */
const DRIVER_INFO_SIZE = 196;
/** AF_INET, SOCK_DGRAM | SOCK_CLOEXEC: any socket carries the ioctl. */
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;

/** [get, set] commands of each offload. */
const COMMANDS = {
  rxChecksum: [0x14, 0x15],
  txChecksum: [0x16, 0x17],
  tso: [0x1e, 0x1f],
  gso: [0x23, 0x24],
  gro: [0x2b, 0x2c],
} as const;

/** Which offloads are on. */
export interface Offloads {
  readonly rxChecksum: boolean;
  readonly txChecksum: boolean;
  readonly tso: boolean;
  readonly gso: boolean;
  readonly gro: boolean;
}

/** Makes one request: zero, or a negative errno. `data` begins with the command. */
function request(socket: FileDescriptor, interfaceName: string, data: Uint8Array): number {
  if (interfaceName.length >= INTERFACE_NAME_LENGTH || interfaceName === "") {
    throw new RangeError(`asking an interface: "${interfaceName}" is no interface name (1 to 15 characters)`);
  }
  const ifreq = new Uint8Array(IFREQ_SIZE);
  ifreq.set(Buffer.from(interfaceName, "latin1"));
  new DataView(ifreq.buffer).setBigUint64(INTERFACE_NAME_LENGTH, ffi.addressOf(data), true);
  return ffi.ioctl(socket.value, SIOCETHTOOL, ifreq);
}

function openSocket(interfaceName: string): FileDescriptor {
  const result = ffi.socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  if (result < 0) throw failure(`opening a socket to ask interface "${interfaceName}"`, "socket", -result);
  return new FileDescriptor(result, `socket for ethtool requests to "${interfaceName}"`);
}

function failure(doing: string, command: string, errno: number): SyscallError {
  const hints: Readonly<Record<number, string>> = {
    [Errno.ENODEV]: "there is no such interface in this network namespace",
    [Errno.EPERM]: errno === Errno.EPERM ? permissionHint() : "",
    [Errno.EOPNOTSUPP]: "its driver does not let this be read or changed",
  };
  return new SyscallError({ doing, command, errno, hint: hints[errno] });
}

function flag(command: number, value: boolean): Uint32Array {
  return Uint32Array.of(command, value ? 1 : 0);
}

/** Reads the offloads of an interface. */
export function readOffloads(interfaceName: string): Offloads {
  using socket = openSocket(interfaceName);
  const read = (name: keyof Offloads): boolean => {
    const value = flag(COMMANDS[name][0], false);
    const result = request(socket, interfaceName, new Uint8Array(value.buffer));
    if (result < 0)
      throw failure(`reading offload ${name} of interface "${interfaceName}"`, "ioctl(SIOCETHTOOL)", -result);
    return value[1] !== 0;
  };
  return {
    rxChecksum: read("rxChecksum"),
    txChecksum: read("txChecksum"),
    tso: read("tso"),
    gso: read("gso"),
    gro: read("gro"),
  };
}

/** Sets the offloads that `changes` names. Turning txChecksum off turns tso off too: the kernel sees to it. */
export function setOffloads(interfaceName: string, changes: Partial<Offloads>): void {
  using socket = openSocket(interfaceName);
  for (const [name, [, set]] of Object.entries(COMMANDS)) {
    const wanted = changes[name as keyof Offloads];
    if (wanted === undefined) continue;
    const result = request(socket, interfaceName, new Uint8Array(flag(set, wanted).buffer));
    const doing = `turning offload ${name} of interface "${interfaceName}" ${wanted ? "on" : "off"}`;
    if (result < 0) throw failure(doing, "ioctl(SIOCETHTOOL)", -result);
  }
}

/** Name of the driver of an interface ("veth", "virtio_net"); undefined where the driver tells none. */
export function driverName(interfaceName: string): string | undefined {
  using socket = openSocket(interfaceName);
  const info = new Uint8Array(DRIVER_INFO_SIZE);
  new DataView(info.buffer).setUint32(0, ETHTOOL_GDRVINFO, true);
  const result = request(socket, interfaceName, info);
  if (result === -Errno.EOPNOTSUPP) return undefined;
  if (result < 0) throw failure(`asking the driver of interface "${interfaceName}"`, "ioctl(SIOCETHTOOL)", -result);
  const name = Buffer.from(info.subarray(4, 36)).toString("latin1").replace(/\0.*$/su, "");
  return name === "" ? undefined : name;
}
