// Attaching a program to the ingress of an interface at tc, where the network stack sees a packet first: by a TCX link
// since Linux 6.6, by a direct-action filter in a clsact qdisc before.

import {
  addClsact,
  BpfAttachType,
  Errno,
  FileDescriptor,
  type FilterPlace,
  linkCreate,
  listFilters,
  listLinks,
  permissionHint,
  programInfo,
  programsAt,
  removeClsact,
  removeFilter,
  setFilter,
  SyscallError,
  type TrafficFilter,
} from "@yardmaster/linux";
import { features } from "./features.ts";
import type { KernelProgram } from "./program.ts";
import { tryOpenProgram, XdpLink } from "./xdp-link.ts";

/** How a program is attached at tc. */
export type TcAttachMode = "tcx" | "filter";

/** What to attach where. */
export interface AttachTcOptions {
  readonly program: KernelProgram;
  /** Of this network namespace. */
  readonly interfaceIndex: number;
  /** Default: a link where the kernel has them. */
  readonly mode?: TcAttachMode;
}

/** Where our filter sits: the name tells it from others', should the place be taken. */
const FILTER = { name: "yardmaster", priority: 4711, handle: 1 } as const;

/** A program at tc. When the process ends without `detach`, a filter stays where it is, a link only if it is pinned. */
export interface TcAttachment extends Disposable {
  readonly mode: TcAttachMode;
  /** Only of `tcx`: for pinning. */
  readonly link: XdpLink | undefined;
  /** Puts `program` in place between two packets. */
  update(program: KernelProgram): void;
  /**
   * What puts the program that is in place now back there. Holds that program until it is disposed. Needs
   * CAP_SYS_ADMIN; undefined without.
   */
  remember(): (Disposable & { restore(): void }) | undefined;
  /** Takes the program off the interface at once. */
  detach(): void;
}

/** A program of the same name is attached by a link already: another process's, or one that is pinned. */
export class TcAttachError extends Error {
  override readonly name = "TcAttachError";
  readonly code = "YM_TC_BUSY";
}

/**
 * Attaches a program. Throws TcAttachError, or a SyscallError; one of our own filters that was left behind is
 * replaced.
 */
export function attachTc({ program, interfaceIndex, mode }: AttachTcOptions): TcAttachment {
  const chosen = mode ?? (features.tcxLink.isSupported() ? "tcx" : "filter");
  return chosen === "tcx" ? attachByLink(program, interfaceIndex) : attachByFilter(program, interfaceIndex);
}

function attachByLink(program: KernelProgram, interfaceIndex: number): TcAttachment {
  const what = `TCX link of program "${program.spec.name}" on interface ${interfaceIndex}`;
  const attachType = BpfAttachType.TCX_INGRESS;
  const isThere = listLinks().some(({ index }) => index === interfaceIndex);
  if (isThere) assertNoneOf(program.spec.name, interfaceIndex);
  const result = linkCreate({ program: program.fd, target: interfaceIndex, attachType, flags: 0, what });
  if (!(result instanceof FileDescriptor)) throw failure(program, interfaceIndex, result.errno);
  using cleanup = new DisposableStack();
  const link = cleanup.use(new XdpLink(result));
  removeLeftFilter(interfaceIndex);
  cleanup.move();
  return {
    mode: "tcx",
    link,
    update: (next) => link.update(next),
    remember: () => link.remember(),
    detach: () => link.detach(),
    [Symbol.dispose]: () => link.close(),
  };
}

/** Two balancers at one interface would each take the other's packets for new ones. */
function assertNoneOf(name: string, interfaceIndex: number): void {
  const id = findLinked(interfaceIndex, name);
  if (id === undefined) return;
  const where = listLinks().find(({ index }) => index === interfaceIndex)?.name ?? `${interfaceIndex}`;
  const doing = `attaching program "${name}" to interface "${where}" (tc)`;
  const advice = "it goes when the process ends that holds its link, or with the link's pin";
  throw new TcAttachError(`${doing}: program "${name}" (id ${id}, tc) is there already; ${advice}`);
}

/** The id of the program called `name` that a link has at an interface; undefined also where that may not be asked. */
function findLinked(interfaceIndex: number, name: string): number | undefined {
  return programsAt(interfaceIndex, BpfAttachType.TCX_INGRESS).find((id) => {
    using program = tryOpenProgram(id);
    return program !== undefined && programInfo(program).name === name;
  });
}

/** The id of the program called `name` at an interface's tc, by a link or by a filter of ours; undefined: none. */
export function findTcProgram(interfaceIndex: number, name: string): number | undefined {
  const byLink = features.tcxLink.isSupported() ? findLinked(interfaceIndex, name) : undefined;
  return byLink ?? findLeftFilter(interfaceIndex)?.programId;
}

function failure(program: KernelProgram, interfaceIndex: number, errno: number): SyscallError {
  const link = listLinks().find(({ index }) => index === interfaceIndex);
  const where = link === undefined ? `interface ${interfaceIndex}` : `interface "${link.name}"`;
  const permission = errno === Errno.EPERM ? permissionHint() : undefined;
  const hint = link === undefined ? "there is no such interface in this network namespace" : permission;
  const doing = `attaching program "${program.spec.name}" to ${where} (tc)`;
  return new SyscallError({ doing, command: "bpf(BPF_LINK_CREATE)", errno, hint });
}

function attachByFilter(program: KernelProgram, interfaceIndex: number): TcAttachment {
  const left = findLeftFilter(interfaceIndex);
  const isQdiscOurs = addClsact(interfaceIndex) || left !== undefined;
  const place = left ?? freePlace(interfaceIndex);
  try {
    setFilter(place, FILTER.name, program.fd);
  } catch (error) {
    if (isQdiscOurs && isEmpty(interfaceIndex)) removeClsact(interfaceIndex);
    throw error;
  }
  return filterAt(place, isQdiscOurs);
}

/** The filter that a process of ours left on an interface, to go on with; undefined where there is none. */
export function openLeftFilter(interfaceIndex: number): TcAttachment | undefined {
  const left = findLeftFilter(interfaceIndex);
  return left && filterAt(left, true);
}

function filterAt(place: FilterPlace, isQdiscOurs: boolean): TcAttachment {
  const { interfaceIndex } = place;
  let isThere = true;
  const detach = (): void => {
    if (!isThere) return;
    isThere = false;
    if (!listLinks().some(({ index }) => index === interfaceIndex)) return;
    removeFilter(place);
    if (isQdiscOurs && isEmpty(interfaceIndex)) removeClsact(interfaceIndex);
  };
  const remember = () => {
    const program = tryOpenProgram(findLeftFilter(interfaceIndex)?.programId ?? 0);
    if (program === undefined) return undefined;
    const restore = (): void => setFilter(place, FILTER.name, program);
    return { restore, [Symbol.dispose]: () => program.close() };
  };
  const update = (next: KernelProgram): void => setFilter(place, FILTER.name, next.fd);
  return { mode: "filter", link: undefined, update, remember, detach, [Symbol.dispose]: () => undefined };
}

/** Our priority, or the next one that nobody uses. */
function freePlace(interfaceIndex: number): FilterPlace {
  const taken = new Set(listFilters(interfaceIndex).map(({ priority }) => priority));
  let { priority }: { priority: number } = FILTER;
  while (taken.has(priority)) priority += 1;
  return { interfaceIndex, priority, handle: FILTER.handle };
}

/** The filter that a process of ours left on an interface, if any: what is called so is ours. */
export function findLeftFilter(interfaceIndex: number): TrafficFilter | undefined {
  return listFilters(interfaceIndex).find(({ name }) => name === FILTER.name);
}

/** Takes a filter off that a process of ours left on an interface; whether there was one. */
export function removeLeftFilter(interfaceIndex: number): boolean {
  const left = findLeftFilter(interfaceIndex);
  if (left === undefined) return false;
  removeFilter(left);
  if (isEmpty(interfaceIndex)) removeClsact(interfaceIndex);
  return true;
}

function isEmpty(interfaceIndex: number): boolean {
  return (["ingress", "egress"] as const).every((hook) => listFilters(interfaceIndex, hook).length === 0);
}
