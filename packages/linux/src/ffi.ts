// The one seam through which every system call of the project goes, and the only file that names the FFI
// library. Everything above it (bpf/, netlink/, fd.ts …) gives meaning to the bare numbers seen here.
// The seam counts calls and can fail a chosen one, so that tests can walk through every error path.

import { arch, endianness } from "node:os";
import koffi from "koffi";

if (endianness() !== "LE") {
  throw new Error("loading @yardmaster/linux: this machine is big-endian, only little-endian ones are supported");
}

/** Number of bpf(2): arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h. */
const BPF_SYSCALL_NUMBERS: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };

/** The same on x86-64 and arm64 (include/uapi/asm-generic/fcntl.h). */
const SOCK_CLOEXEC = 0o2000000;

type NativeFunction = (...args: readonly (number | bigint | string | Uint8Array | null)[]) => number | bigint;

const libc = koffi.load(null);
const define = (prototype: string): NativeFunction => libc.func(prototype) as unknown as NativeFunction;
const native = {
  bpf: define("long syscall(long number, int command, void *attr, uint32_t size)"),
  open: define("int open(const char *path, int flags, uint32_t mode)"),
  close: define("int close(int fd)"),
  flock: define("int flock(int fd, int operation)"),
  fcntl: define("int fcntl(int fd, int command, long argument)"),
  ioctl: define("int ioctl(int fd, unsigned long request, void *argument)"),
  mmap: define("intptr_t mmap(void *hint, size_t length, int protection, int flags, int fd, int64_t offset)"),
  munmap: define("int munmap(void *address, size_t length)"),
  socket: define("int socket(int domain, int type, int protocol)"),
  send: define("intptr_t send(int fd, void *data, size_t length, int flags)"),
  recv: define("intptr_t recv(int fd, void *buffer, size_t length, int flags)"),
  setsockopt: define("int setsockopt(int fd, int level, int name, void *value, uint32_t length)"),
  bind: define("int bind(int fd, void *address, uint32_t length)"),
  connect: define("int connect(int fd, void *address, uint32_t length)"),
  listen: define("int listen(int fd, int backlog)"),
  accept4: define("int accept4(int fd, void *address, void *length, int flags)"),
  getsockname: define("int getsockname(int fd, void *address, void *length)"),
  getpeername: define("int getpeername(int fd, void *address, void *length)"),
  unshare: define("int unshare(int flags)"),
  setns: define("int setns(int fd, int type)"),
  mount: define("int mount(const char *source, const char *target, const char *type, unsigned long flags, void *data)"),
  getpagesize: define("int getpagesize()"),
};

/** A fault that has been ordered with `failNthCall`; disposing it calls the order off. */
export interface FaultInjection extends Disposable {
  /** Whether the chosen call has been reached and failed. */
  readonly fired: boolean;
}

let calls = 0;
let fault: { remaining: number; readonly errno: number; fired: boolean } | undefined;

/** How many system calls were made through the seam so far; those that release something do not count. */
export function callCount(): number {
  return calls;
}

/**
 * Makes the `nth` call from now (1 = the next) fail with `errno` without reaching the kernel. Calls that
 * release something (close, munmap, going back to a namespace) are neither counted nor failed: the kernel
 * does not fail them either. For tests.
 */
export function failNthCall(nth: number, errno: number): FaultInjection {
  if (fault !== undefined) throw new Error("ordering a fault: another one is still ordered; dispose it first");
  if (!Number.isInteger(nth) || nth < 1) throw new RangeError(`ordering a fault: call number ${nth} is not 1 or more`);
  const mine = { remaining: nth, errno, fired: false };
  fault = mine;
  return {
    get fired() {
      return mine.fired;
    },
    [Symbol.dispose]() {
      if (fault === mine) fault = undefined;
    },
  };
}

/** The errno that the current call must fail with, or 0. */
function count(): number {
  calls += 1;
  if (fault === undefined || fault.fired) return 0;
  fault.remaining -= 1;
  if (fault.remaining > 0) return 0;
  fault.fired = true;
  return fault.errno;
}

function outcome(result: number | bigint): number {
  return result < 0 ? -koffi.errno() : Number(result);
}

// Each function below returns what the kernel returned: zero or more, or a *negative* errno.

/** bpf(2). The kernel may write into `attr` and into the buffers that `attr` points to. */
export function bpf(command: number, attr: Uint8Array): number {
  const number = BPF_SYSCALL_NUMBERS[arch()];
  if (number === undefined) throw new Error(`calling bpf(2): its number on architecture "${arch()}" is not known`);
  const injected = count();
  return injected > 0 ? -injected : outcome(native.bpf(number, command, attr, attr.length));
}

/** open(2), without O_CREAT. */
export function open(path: string, flags: number): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.open(path, flags, 0));
}

/** close(2). */
export function close(fd: number): number {
  return outcome(native.close(fd));
}

/** flock(2). */
export function flock(fd: number, operation: number): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.flock(fd, operation));
}

/** fcntl(2) with a number as its argument. */
export function fcntl(fd: number, command: number, argument: number): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.fcntl(fd, command, argument));
}

/** ioctl(2) with a pointer argument. */
export function ioctl(fd: number, request: number, argument: Uint8Array): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.ioctl(fd, request, argument));
}

/** mmap(2) of `length` bytes of `fd` from `offset`: the address, or a negative errno. */
export function mmap(length: number, protection: number, flags: number, fd: number, offset: number): bigint {
  const injected = count();
  if (injected > 0) return BigInt(-injected);
  const address = BigInt(native.mmap(null, length, protection, flags, fd, offset));
  return address === -1n ? BigInt(-koffi.errno()) : address;
}

/** munmap(2). */
export function munmap(address: bigint, length: number): number {
  return outcome(native.munmap(address, length));
}

/** socket(2). */
export function socket(domain: number, type: number, protocol: number): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.socket(domain, type, protocol));
}

/** send(2). */
export function send(fd: number, data: Uint8Array, flags: number): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.send(fd, data, data.length, flags));
}

/** recv(2) into `buffer`: the length received, which with MSG_TRUNC may exceed the buffer's. */
export function recv(fd: number, buffer: Uint8Array, flags: number): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.recv(fd, buffer, buffer.length, flags));
}

/** setsockopt(2). */
export function setsockopt(fd: number, level: number, name: number, value: Uint8Array): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.setsockopt(fd, level, name, value, value.length));
}

/** bind(2) to a socket address in the layout of its family. */
export function bind(fd: number, address: Uint8Array): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.bind(fd, address, address.length));
}

/** connect(2) to a socket address in the layout of its family. */
export function connect(fd: number, address: Uint8Array): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.connect(fd, address, address.length));
}

/** listen(2). */
export function listen(fd: number, backlog: number): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.listen(fd, backlog));
}

/** accept4(2), getsockname(2) or getpeername(2): the address is written into `address`, cut to its length. */
export function askAddress(call: "accept4" | "getsockname" | "getpeername", fd: number, address: Uint8Array): number {
  const injected = count();
  if (injected > 0) return -injected;
  const length = new Uint8Array(Uint32Array.of(address.length).buffer);
  if (call === "accept4") return outcome(native.accept4(fd, address, length, SOCK_CLOEXEC));
  return outcome(native[call](fd, address, length));
}

/** unshare(2) on the calling thread. */
export function unshare(flags: number): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.unshare(flags));
}

/** setns(2) on the calling thread. */
export function setns(fd: number, type: number): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.setns(fd, type));
}

/** setns(2) on the way back: a call that releases, never failed by order. */
export function restoreNs(fd: number, type: number): number {
  return outcome(native.setns(fd, type));
}

/** mount(2) without data. */
export function mount(source: string, target: string, type: string, flags: number): number {
  const injected = count();
  return injected > 0 ? -injected : outcome(native.mount(source, target, type, flags, null));
}

/** Size of a page of memory in bytes: 4096 on x86-64, up to 65536 on arm64. */
export function pageSize(): number {
  return Number(native.getpagesize());
}

/** The address of `bytes`, as the kernel needs it in a structure. Valid while `bytes` is referenced. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}

/** An ArrayBuffer over memory that is not JavaScript's. Reading it after munmap would crash: see memory.ts. */
export function viewOf(address: bigint, length: number): ArrayBuffer {
  return koffi.view(address, length);
}
