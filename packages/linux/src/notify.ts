// What a service tells the service manager that started it, by datagrams to the socket that NOTIFY_SOCKET names: the
// protocol of sd_notify(3). Node has no datagram sockets of the Unix kind.

import { FileDescriptor } from "./fd.ts";
import * as ffi from "./ffi.ts";

// include/linux/socket.h, include/linux/net.h; the same on x86-64 and arm64.
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
/** Without SIGPIPE, and without waiting for a manager that does not read (MSG_NOSIGNAL | MSG_DONTWAIT). */
const QUIETLY = 0x4000 | 0x40;
/** Bytes of the path in struct sockaddr_un (include/uapi/linux/un.h). */
const LONGEST_PATH = 108;

/**
 * Sends assignments such as `READY=1`, a line each, to the socket at `path`; `@name` is one of the abstract kind. False
 * where nobody takes them: a service runs as well without.
 */
export function notifyManager(path: string, lines: readonly string[]): boolean {
  const address = unixAddress(path);
  if (address === undefined) return false;
  const opened = ffi.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (opened < 0) return false;
  using socket = new FileDescriptor(opened, "notification socket");
  if (ffi.connect(socket.value, address) < 0) return false;
  return ffi.send(socket.value, new TextEncoder().encode(lines.join("\n")), QUIETLY) >= 0;
}

/** struct sockaddr_un, as long as its path: of an abstract name every byte counts (unix(7)). */
function unixAddress(path: string): Uint8Array | undefined {
  const name = new TextEncoder().encode(path);
  if (!/^[/@]./.test(path) || name.length >= LONGEST_PATH) return undefined;
  const address = new Uint8Array(2 + name.length + (path.startsWith("@") ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  if (path.startsWith("@")) address[2] = 0;
  return address;
}
