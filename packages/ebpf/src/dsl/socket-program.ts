// Programs of control groups that look at sockets: `sock_ops`, which the kernel calls on the events of a TCP
// connection's life (not for its packets), `getpeername`, which may change the address that a program is told, and
// the storage in which the one leaves something with a socket for the other.

import { constant, type VirtualRegister } from "../ir/operation.ts";
import type { MapSpec } from "../spec.ts";
import { builder } from "./builder.ts";
import { callHelper } from "./helper.ts";
import { BPF_F_NO_PREALLOC } from "./map.ts";
import { Maybe } from "./maybe.ts";
import { assertName } from "./name.ts";
import { Packet } from "./packet.ts";
import { defineProgram, type ProgramDefinition, type ProgramOptions } from "./program.ts";
import { loadAt, place } from "./reference.ts";
import { Bool } from "./scalar.ts";
import { type Fields, type JsObject, list, type Reference, type Struct, struct } from "./struct.ts";
import { be32, codecOf, u32 } from "./types.ts";
import type { Verdict, VerdictCodes } from "./verdict.ts";

/** Programs of control groups answer 1, "go on"; getpeername has no other answer (check_return_code, verifier.c). */
const GO_ON: VerdictCodes = { pass: 1, drop: 1, tx: 1 };
/** enum bpf_func_id, include/uapi/linux/bpf.h. */
const SK_STORAGE_GET = 107;
const BPF_SK_STORAGE_GET_F_CREATE = 1;

/** Events of `sock_ops` (enum in include/uapi/linux/bpf.h). */
export const SocketEvent = { passiveEstablished: 5 } as const;
export const AF_INET = 2;
export const AF_INET6 = 10;

const words = list(be32, 4);

/** struct bpf_sock_ops, include/uapi/linux/bpf.h, up to its pointers. */
const SocketOperationsFields = struct("bpf_sock_ops", {
  event: u32,
  arguments: list(u32, 4),
  family: u32,
  remoteAddress4: be32,
  localAddress4: be32,
  remoteAddress6: words,
  localAddress6: words,
});
const SOCKET_OPERATIONS_SK = 184;
/** `skb_data` and `skb_data_end`: the TCP header of the packet that the event is about. */
const TCP_HEADER = { data: 192, end: 200, size: 8 } as const;

/** struct bpf_sock_addr, include/uapi/linux/bpf.h, up to its pointer. */
const SocketAddressFields = struct("bpf_sock_addr", {
  userFamily: u32,
  userAddress4: be32,
  userAddress6: words,
  /** Network order in the lower 16 bits. */
  userPort: u32,
  family: u32,
  type: u32,
  protocol: u32,
});
const SOCKET_ADDRESS_SK = 64;

type FieldsOf<T> = T extends Struct<infer F> ? F : never;

/** A kernel's socket, to be handed to helpers. */
export class Socket {
  /** For the library: its register. */
  readonly register: VirtualRegister;

  constructor(register: VirtualRegister) {
    this.register = register;
  }
}

/** What the body of a `sock_ops` program gets. */
export interface SocketOperations {
  readonly fields: Reference<FieldsOf<typeof SocketOperationsFields>>;
  /** The TCP header of the packet behind the event; too short to read from where there is none. */
  tcpHeader(): Packet;
  socket(): Maybe<Socket>;
}

/** A `sock_ops` program: what happens in the lives of TCP connections. Its verdicts are all one: go on. */
export function socketOperations(
  name: string,
  body: (context: SocketOperations) => Verdict,
  options: ProgramOptions = {},
): ProgramDefinition {
  const open = (context: VirtualRegister): SocketOperations => ({
    fields: SocketOperationsFields.access(place(context, "context")),
    tcpHeader: () => new Packet(context, TCP_HEADER),
    socket() {
      const register = loadAt({ ...place(context, "context"), offset: SOCKET_OPERATIONS_SK }, 8);
      return new Maybe(isNotNull(register), () => new Socket(register));
    },
  });
  return defineProgram(name, { type: "sock_ops", attachType: "cgroup_sock_ops", codes: GO_ON, open }, body, options);
}

/** What the body of a `getpeername` program gets. */
export interface SocketAddress {
  /** What the caller will be told; address and port may be assigned. */
  readonly fields: Reference<FieldsOf<typeof SocketAddressFields>>;
  readonly socket: Socket;
}

/** A program asked by getpeername(2) and accept(2) on sockets of a family: it may change what they tell. */
export function getPeerName(name: string, family: 4 | 6, body: (context: SocketAddress) => Verdict): ProgramDefinition {
  const open = (context: VirtualRegister): SocketAddress => ({
    fields: SocketAddressFields.access(place(context, "context")),
    socket: new Socket(loadAt({ ...place(context, "context"), offset: SOCKET_ADDRESS_SK }, 8)),
  });
  const attachType = family === 4 ? "cgroup_inet4_getpeername" : "cgroup_inet6_getpeername";
  return defineProgram(name, { type: "cgroup_sock_addr", attachType, codes: GO_ON, open }, body);
}

/** A value kept with a socket, for as long as that lives (BPF_MAP_TYPE_SK_STORAGE). */
export interface SocketStorage<F extends Fields> {
  readonly spec: MapSpec<number, JsObject<F>>;
  /** What was kept with `socket`. */
  get(socket: Socket): Maybe<Reference<F>>;
  /** That, or zeros, which are kept from now on; absent where there is no memory. */
  getOrCreate(socket: Socket): Maybe<Reference<F>>;
}

/** Declares a storage. */
export function socketStorage<F extends Fields>(name: string, value: Struct<F>): SocketStorage<F> {
  assertName(name);
  // The key is a descriptor, seen by the control plane only; the number of entries is that of sockets
  // (bpf_local_storage_map_alloc_check, kernel/bpf/bpf_local_storage.c).
  const spec: MapSpec<number, JsObject<F>> = {
    name,
    type: "sk_storage",
    key: codecOf(u32),
    value,
    maxEntries: 0,
    flags: BPF_F_NO_PREALLOC,
  };
  const find = (socket: Socket, flags: number): Maybe<Reference<F>> => {
    builder().useMap(spec as MapSpec);
    const map = { kind: "map", map: spec as MapSpec } as const;
    const found = callHelper(SK_STORAGE_GET, [map, socket.register, constant(0), constant(flags)]);
    const register = found.operand() as VirtualRegister;
    return new Maybe(isNotNull(register), () => value.access(place(register, `entry of ${name}`)));
  };
  return {
    spec,
    get: (socket) => find(socket, 0),
    getOrCreate: (socket) => find(socket, BPF_SK_STORAGE_GET_F_CREATE),
  };
}

function isNotNull(pointer: VirtualRegister): Bool {
  return new Bool({ kind: "compare", comparison: { operator: "jne", width: 64, left: pointer, right: constant(0) } });
}
