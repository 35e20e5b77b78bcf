// A question to the kernel's routing subsystem and its answer, over a netlink socket that lives for one question or,
// where many are asked, for all of them. The kernel answers within the call, so nothing here waits: an answer that is
// not there is an error.

import { Errno, SyscallError } from "../errno.ts";
import { FileDescriptor } from "../fd.ts";
import * as ffi from "../ffi.ts";
import { permissionHint } from "../privileges.ts";
import { buildMessage, type NetlinkAttribute, type NetlinkMessage, parseMessages } from "./message.ts";

/** include/linux/socket.h, include/uapi/linux/netlink.h */
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_MULTI = 2;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_DUMP = 0x300;
/** The kernel fills datagrams of a dump up to 32 KiB (net/netlink/af_netlink.c). */
const BUFFER_SIZE = 65536;
/** How often a dump that others disturbed is begun again. */
const DUMP_ATTEMPTS = 5;

/** One question. */
export interface RouteRequest {
  /** RTM_GET… */
  readonly type: number;
  readonly fixed: Uint8Array;
  readonly attributes?: readonly NetlinkAttribute[];
  /** Whether everything is asked for, not one object. */
  readonly dump: boolean;
  /** NLM_F_ bits beyond those of the question itself: NLM_F_ACK for requests that answer nothing else. */
  readonly flags?: number;
  /** What is being done, for errors. */
  readonly doing: string;
}

function failure(request: Pick<RouteRequest, "doing">, command: string, errno: number): SyscallError {
  const hint = errno === Errno.EPERM ? permissionHint() : undefined;
  return new SyscallError({ doing: request.doing, command, errno, hint });
}

/** Every answer goes through it: a new one for each would be most of the time of a short question. */
const buffer = new Uint8Array(BUFFER_SIZE);

function receive(socket: FileDescriptor, request: RouteRequest): Uint8Array {
  const length = ffi.recv(socket.value, buffer, MSG_DONTWAIT | MSG_TRUNC);
  if (length < 0) throw failure(request, "recv(netlink)", -length);
  if (length > buffer.length) throw new Error(`${request.doing}: an answer of ${length} bytes is too long for us`);
  return buffer.slice(0, length);
}

function openSocket(doing: string): FileDescriptor {
  const opened = ffi.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (opened < 0) throw failure({ doing }, "socket(netlink)", -opened);
  return new FileDescriptor(opened, "netlink socket");
}

/** The socket that several questions share, and the number of the last one. */
let shared: { readonly socket: FileDescriptor; sequence: number } | undefined;

/**
 * Runs `ask`, which must be synchronous; all questions in it go over one socket, so it must stay in one network
 * namespace. For those who ask thousands of things.
 */
export function withRouteSocket<T>(ask: () => T): T {
  if (shared !== undefined) return ask();
  using socket = openSocket("asking the kernel's routing");
  shared = { socket, sequence: 0 };
  try {
    return ask();
  } finally {
    shared = undefined;
  }
}

/** The errno of an NLMSG_ERROR or NLMSG_DONE message: 0 when it says that all went well. */
function errorOf(message: NetlinkMessage): number {
  return message.payload.byteLength < 4 ? 0 : -message.payload.getInt32(0, true);
}

interface Asked {
  readonly messages: NetlinkMessage[];
  readonly interrupted: boolean;
}

function ask(request: RouteRequest): Asked {
  if (shared !== undefined) return askOver(shared.socket, ++shared.sequence, request);
  using socket = openSocket(request.doing);
  return askOver(socket, 1, request);
}

/**
 * Asks for everything of a kind; undefined where that is more than `most` messages, of which the rest is not read, or
 * where others disturbed it.
 */
export function dumpAtMost(most: number, request: Omit<RouteRequest, "dump">): readonly NetlinkMessage[] | undefined {
  // A socket of its own: what is not read must not come to others.
  using socket = openSocket(request.doing);
  const { messages, interrupted } = askOver(socket, 1, { ...request, dump: true }, most);
  return interrupted || messages.length > most ? undefined : messages;
}

function askOver(socket: FileDescriptor, sequence: number, request: RouteRequest, most = Infinity): Asked {
  const flags = NLM_F_REQUEST | (request.dump ? NLM_F_DUMP : 0) | (request.flags ?? 0);
  const header = { type: request.type, flags, sequence };
  const sent = ffi.send(socket.value, buildMessage(header, request.fixed, request.attributes ?? []), 0);
  if (sent < 0) throw failure(request, "send(netlink)", -sent);

  const messages: NetlinkMessage[] = [];
  let interrupted = false;
  for (;;) {
    for (const message of parseMessages(receive(socket, request))) {
      // What is left of a question before, to which the answer was an error.
      if (message.sequence !== sequence) continue;
      interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
      if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
        const errno = errorOf(message);
        if (errno !== 0) throw failure(request, "netlink", errno);
        return { messages, interrupted };
      }
      messages.push(message);
      if ((message.flags & NLM_F_MULTI) === 0 || messages.length > most) return { messages, interrupted };
    }
  }
}

/**
 * Asks and returns the messages of the answer. Throws a SyscallError with the kernel's errno when it refuses,
 * and when a dump was disturbed by changes five times in a row.
 */
export function askRoute(request: RouteRequest): readonly NetlinkMessage[] {
  for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt += 1) {
    const { messages, interrupted } = ask(request);
    if (!interrupted) return messages;
  }
  throw failure(request, "netlink (the list changed while it was read)", Errno.EINTR);
}
