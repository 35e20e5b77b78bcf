// Running a piece of synchronous code inside another network namespace, and always coming back.

import { Errno, SyscallError } from "./errno.ts";
import { FileDescriptor } from "./fd.ts";
import * as ffi from "./ffi.ts";
import { permissionHint } from "./privileges.ts";

/** include/uapi/linux/sched.h */
const CLONE_NEWNET = 0x40000000;
/** O_RDONLY | O_CLOEXEC, the same on x86-64 and arm64 (include/uapi/asm-generic/fcntl.h). */
const O_CLOEXEC = 0o2000000;
/** The namespace of *this thread*; /proc/self is that of the main thread. */
const OWN_NAMESPACE = "/proc/thread-self/ns/net";

function openNamespace(path: string, doing: string): FileDescriptor {
  const result = ffi.open(path, O_CLOEXEC);
  if (result >= 0) return new FileDescriptor(result, `network namespace ${path}`);
  const errno = -result;
  const hint =
    errno === Errno.ENOENT ? 'there is no such namespace ("ip netns list" shows those there are)' : undefined;
  throw new SyscallError({ doing, command: `open(${path})`, errno, hint });
}

/**
 * Runs `run` inside the network namespace `name` (of "ip netns", or a path that contains a "/") and returns
 * what it returned. `run` must be synchronous: the whole thread changes its namespace, so anything that runs
 * later would run outside. Sockets and bpf links made inside stay there. Throws when the namespace does not
 * exist, when this thread may not enter it (CAP_SYS_ADMIN), or when `run` returned a promise.
 */
export function withNetworkNamespace<T>(name: string, run: () => T): T {
  const doing = `entering network namespace "${name}"`;
  using target = openNamespace(name.includes("/") ? name : `/run/netns/${name}`, doing);
  using home = openNamespace(OWN_NAMESPACE, doing);
  const entered = ffi.setns(target.value, CLONE_NEWNET);
  if (entered < 0) {
    const hint = entered === -Errno.EPERM ? permissionHint() : undefined;
    throw new SyscallError({ doing, command: "setns", errno: -entered, hint });
  }
  using _home = returnTo(home, name);
  const result = run();
  if (result instanceof Promise) {
    throw new TypeError(`${doing}: what runs inside returned a promise; it must be synchronous`);
  }
  return result;
}

/**
 * Runs `run` inside a network namespace made for it, in which there is nothing but a loopback interface that is down.
 * What is said of `withNetworkNamespace` holds here too; sockets made inside keep the namespace alive.
 */
export function withTemporaryNetworkNamespace<T>(run: () => T): T {
  const doing = "making a network namespace";
  using home = openNamespace(OWN_NAMESPACE, doing);
  const made = ffi.unshare(CLONE_NEWNET);
  if (made < 0) {
    const hint = made === -Errno.EPERM ? permissionHint() : undefined;
    throw new SyscallError({ doing, command: "unshare", errno: -made, hint });
  }
  using _home = returnTo(home, "made for a while");
  return run();
}

/** Goes back when disposed. Failing there throws: going on would configure the wrong network. */
function returnTo(home: FileDescriptor, from: string): Disposable {
  return {
    [Symbol.dispose]() {
      const left = ffi.restoreNs(home.value, CLONE_NEWNET);
      if (left >= 0) return;
      throw new SyscallError({ doing: `leaving network namespace "${from}"`, command: "setns", errno: -left });
    },
  };
}
