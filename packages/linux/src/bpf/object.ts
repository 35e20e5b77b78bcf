// bpf(2) commands that all kinds of objects share: pins, numbers (ids), and what the kernel tells of each.

import { Errno } from "../errno.ts";
import { FileDescriptor } from "../fd.ts";
import { BpfAttribute, bpfError } from "./attribute.ts";

/** Kinds of objects with ids. */
export type BpfObjectKind = "program" | "map" | "link";

const GET_FD = { program: "PROG_GET_FD_BY_ID", map: "MAP_GET_FD_BY_ID", link: "LINK_GET_FD_BY_ID" } as const;
const NEXT_ID = { program: "PROG_GET_NEXT_ID", map: "MAP_GET_NEXT_ID", link: "LINK_GET_NEXT_ID" } as const;

/** Pins an object at `path`, which must lie in a mounted bpf file system and not exist. */
export function objectPin(object: FileDescriptor, path: string): void {
  new BpfAttribute(16).string(0, path).u32(8, object.value).call("OBJ_PIN", `pinning ${object.what} at "${path}"`);
}

/** Opens what is pinned at `path`; undefined where nothing is. */
export function objectGet(path: string, what: string): FileDescriptor | undefined {
  const result = new BpfAttribute(16).string(0, path).tryCall("OBJ_GET");
  if (result === -Errno.ENOENT) return undefined;
  if (result < 0) throw bpfError("OBJ_GET", `opening ${what} pinned at "${path}"`, -result);
  return new FileDescriptor(result, what);
}

/** Opens an object by id; undefined when it is gone. Needs CAP_SYS_ADMIN. */
export function objectById(kind: BpfObjectKind, id: number): FileDescriptor | undefined {
  const result = new BpfAttribute(12).u32(0, id).tryCall(GET_FD[kind]);
  if (result === -Errno.ENOENT) return undefined;
  if (result < 0) throw bpfError(GET_FD[kind], `opening ${kind} ${id}`, -result);
  return new FileDescriptor(result, `${kind} ${id}`);
}

/** The smallest id above `after` (0: the smallest of all); undefined at the end. Needs CAP_SYS_ADMIN. */
export function objectNextId(kind: BpfObjectKind, after: number): number | undefined {
  const attr = new BpfAttribute(12).u32(0, after);
  const result = attr.tryCall(NEXT_ID[kind]);
  if (result === -Errno.ENOENT) return undefined;
  if (result < 0) throw bpfError(NEXT_ID[kind], `listing ${kind}s`, -result);
  return attr.getU32(4);
}

/** struct bpf_prog_info, what of it is used. Lengths are in bytes; 0 where not permitted or not compiled. */
export interface ProgramInfo {
  readonly type: number;
  readonly id: number;
  readonly name: string;
  /** Hash of the instructions, hex. */
  readonly tag: string;
  readonly jitedLength: number;
  readonly translatedLength: number;
  /** How many instructions the verifier looked at; large when it took many ways through. */
  readonly verifiedInstructions: number;
}

/** struct bpf_map_info, what of it is used. */
export interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/** struct bpf_link_info, what of it is used. */
export interface LinkInfo {
  readonly type: number;
  readonly id: number;
  readonly programId: number;
  /** Of an XDP link: the interface, 0 when it is gone. */
  readonly interfaceIndex: number;
}

function objectInfo(object: FileDescriptor, size: number): DataView {
  const info = new Uint8Array(size);
  const attr = new BpfAttribute(16).u32(0, object.value).u32(4, size).pointer(8, info);
  attr.call("OBJ_GET_INFO_BY_FD", `asking about ${object.what}`);
  return new DataView(info.buffer);
}

function nameAt(view: DataView, offset: number): string {
  const name = Buffer.from(view.buffer, offset, 16);
  const end = name.indexOf(0);
  return name.toString("latin1", 0, end < 0 ? name.length : end);
}

/** What the kernel tells of a program. */
export function programInfo(program: FileDescriptor): ProgramInfo {
  const view = objectInfo(program, 232);
  return {
    type: view.getUint32(0, true),
    id: view.getUint32(4, true),
    tag: Buffer.from(view.buffer, 8, 8).toString("hex"),
    jitedLength: view.getUint32(16, true),
    translatedLength: view.getUint32(20, true),
    name: nameAt(view, 64),
    verifiedInstructions: view.getUint32(216, true),
  };
}

/** What the kernel tells of a map. */
export function mapInfo(map: FileDescriptor): MapInfo {
  const view = objectInfo(map, 88);
  return {
    type: view.getUint32(0, true),
    id: view.getUint32(4, true),
    keySize: view.getUint32(8, true),
    valueSize: view.getUint32(12, true),
    maxEntries: view.getUint32(16, true),
    flags: view.getUint32(20, true),
    name: nameAt(view, 24),
  };
}

/** What the kernel tells of a link. */
export function linkInfo(link: FileDescriptor): LinkInfo {
  const view = objectInfo(link, 24);
  return {
    type: view.getUint32(0, true),
    id: view.getUint32(4, true),
    programId: view.getUint32(8, true),
    interfaceIndex: view.getUint32(16, true),
  };
}
