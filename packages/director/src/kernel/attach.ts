// Where the program meets packets: one link for each interface, native XDP where the driver has it; or tc.

import { lstatSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import {
  attachTc,
  attachXdp,
  type KernelProgram,
  ObjectError,
  openLeftFilter,
  openPinnedXdpLink,
  pin,
  removeLeftFilter,
  type TcAttachment,
  XdpAttachError,
  type XdpAttachMode,
  type XdpLink,
} from "@yardmaster/ebpf/kernel";
import { BpfLinkType, type Link, listLinks, SyscallError } from "@yardmaster/linux";
import { DirectorError } from "../errors.ts";
import type { Hook } from "../model/configuration.ts";

/** Where an instance's links are pinned, below its directory: each by the name of its interface. */
export const linksFolder = "links";

/** The same road, as programs of the two hooks over the same maps. Each is made when it is first asked for. */
export interface HookPrograms {
  programFor(hook: "xdp" | "tc"): KernelProgram;
}

/** How a program is attached. */
export type AttachMode = XdpAttachMode | "tc";

/** Which of the programs is for a mode. */
export function hookOf(mode: AttachMode): "xdp" | "tc" {
  return mode === "tc" ? "tc" : "xdp";
}

/** What puts a program back. */
export interface Remembered extends Disposable {
  /** In the place of the one that followed on it. */
  restore(): void;
  /** At XDP, where it was taken off: as it was. */
  attachAgain?(): Attachment;
}

/** A program on an interface. Disposing lets go of it: it stays there where it is pinned. */
export interface Attachment extends Disposable {
  readonly link: Link;
  readonly mode: AttachMode;
  /** Puts another program in its place between two packets. */
  update(program: KernelProgram): void;
  /** What puts the program back that is in place now; undefined where that may not be known. */
  remember(): Remembered | undefined;
  /** Keeps it there under a path that does not exist, whatever becomes of this process. */
  pin(path: string): void;
  /** Whether the interface that it was put on is there still. */
  isThere(): boolean;
  /** Takes it off at once. */
  detach(): void;
}

/** Interfaces whose packets come from sockets and containers of this machine. */
const LOCAL_KINDS: readonly (string | undefined)[] = ["veth", "bridge", "tun", "macvlan"];
const LOOPBACK = "lo";

/** How a program may be attached to an interface by `hook`: the first that its driver takes. */
export function modesFor({ kind, name }: Pick<Link, "kind" | "name">, hook: Hook): readonly AttachMode[] {
  if (hook === "xdp") return ["native"];
  if (hook === "xdp-generic") return ["generic"];
  return hook === "tc" || name === LOOPBACK || LOCAL_KINDS.includes(kind) ? ["tc"] : ["native", "generic"];
}

/**
 * Attaches the program for its mode to `link`. `explain` is told why hook `auto` takes tc, or generic XDP where the
 * driver has no native XDP or refuses it as the interface is set up. Throws XdpAttachError or TcAttachError.
 */
export function attach(programs: HookPrograms, link: Link, hook: Hook, explain: (line: string) => void): Attachment {
  const [first, second] = modesFor(link, hook);
  if (first === "tc") {
    if (hook === "auto") explain(`${link.name}: a ${link.kind ?? "loopback"}, so tc: ${TC_ADVICE}`);
    return attachAtTc(programs, link);
  }
  const program = programs.programFor("xdp");
  try {
    return attachment(program, link, first === "generic" ? "generic" : "native");
  } catch (error) {
    if (second === undefined || !(error instanceof XdpAttachError) || error.code === "YM_XDP_BUSY") throw error;
    explain(`${link.name}: ${error.message}`);
    return attachment(program, link, "generic");
  }
}

const TC_ADVICE = "what sockets and containers of this machine send has checksums and segments that are yet to be made";

function attachAtTc(programs: HookPrograms, link: Link): Attachment {
  const handle = attachTc({ program: programs.programFor("tc"), interfaceIndex: link.index });
  return handle.link === undefined ? filterOf(handle, link) : attachmentOf(handle.link, link, "tc");
}

/** What a filter's pin leads to: nothing, and it says whose the filter is. */
const FILTER_MARK = /^filter-(\d+)$/;

/** A filter stays by itself: a mark where a link would be pinned says that it is this director's. */
function filterOf(handle: TcAttachment, link: Link): Attachment {
  const isThere = (): boolean => listLinks().some(({ index, name }) => index === link.index && name === link.name);
  return {
    link,
    mode: "tc",
    update: (program) => handle.update(program),
    remember: () => handle.remember(),
    pin: (path) => symlinkSync(`filter-${link.index}`, path),
    isThere,
    detach: () => handle.detach(),
    [Symbol.dispose]: () => handle[Symbol.dispose](),
  };
}

/** The interface of the filter that the mark at `path` stands for; undefined where no mark is. */
function markedInterface(path: string): number | undefined {
  const target = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(path) : "";
  const [, index] = FILTER_MARK.exec(target) ?? [];
  return index === undefined ? undefined : Number(index);
}

/** Takes off what is pinned at `path`, or marked there, and the pin; also what nobody knows how it came there. */
export function detachPinned(path: string): void {
  const marked = markedInterface(path);
  if (marked === undefined) {
    using link = openLink(path, () => undefined);
    link?.detach();
  } else if (listLinks().some(({ index }) => index === marked)) {
    removeLeftFilter(marked);
  }
  rmSync(path, { recursive: true, force: true });
}

/** The link pinned at `path`; `orElse` is told where something else is. */
function openLink(path: string, orElse: (cause: unknown) => undefined): XdpLink | undefined {
  try {
    return openPinnedXdpLink(path);
  } catch (error) {
    if (error instanceof ObjectError || error instanceof SyscallError) return orElse(error);
    throw error;
  }
}

function attachment(program: KernelProgram, link: Link, mode: XdpAttachMode): Attachment {
  return attachmentOf(attachXdp({ program, interfaceIndex: link.index, mode }), link, mode);
}

/**
 * What is pinned at `path` if that is on the interface `link`; undefined where nothing is. Throws a DirectorError
 * (YM_SUCCESSION_STATE) where something else than a link is.
 */
export function openAttachment(path: string, link: Link): Attachment | undefined {
  const marked = markedInterface(path);
  if (marked !== undefined) {
    const filter = marked === link.index ? openLeftFilter(marked) : undefined;
    return filter && filterOf(filter, link);
  }
  const handle = openLink(path, (cause) => {
    const message = `taking over the program on ${link.name}: what is pinned at ${path} is no link`;
    throw new DirectorError("YM_SUCCESSION_STATE", message, { hint: "yardmaster down takes everything away", cause });
  });
  if (handle === undefined) return undefined;
  const { interfaceIndex, type } = handle.info();
  if (interfaceIndex === link.index) {
    if (type === BpfLinkType.TCX) return attachmentOf(handle, link, "tc");
    if (link.xdp !== undefined) return attachmentOf(handle, link, link.xdp.mode === "generic" ? "generic" : "native");
  }
  handle.close();
  return undefined;
}

function attachmentOf(handle: XdpLink, link: Link, mode: AttachMode): Attachment {
  const remember = (): Remembered | undefined => {
    const former = handle.remember();
    if (former === undefined) return undefined;
    const { restore, attachAgain } = former;
    return {
      restore,
      ...(mode !== "tc" && { attachAgain: () => attachmentOf(attachAgain(mode), link, mode) }),
      [Symbol.dispose]: () => former[Symbol.dispose](),
    };
  };
  return {
    link,
    mode,
    update: (program) => handle.update(program),
    remember,
    pin: (path) => pin(handle, path),
    isThere: () => handle.info().interfaceIndex === link.index,
    detach: () => handle.detach(),
    [Symbol.dispose]: () => handle.close(),
  };
}
