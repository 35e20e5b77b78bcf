// Where the program meets packets: one link for each interface, native XDP where the driver has it; or tc.

import {
  attachTc,
  attachXdp,
  type KernelProgram,
  openPinnedXdpLink,
  pin,
  XdpAttachError,
  type XdpAttachMode,
  type XdpLink,
} from "@yardmaster/ebpf/kernel";
import { BpfLinkType, type Link, listLinks } from "@yardmaster/linux";
import type { Hook } from "../model/configuration.ts";

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

/** A program on an interface. Disposing lets go of it: it stays there where it is pinned. */
export interface Attachment extends Disposable {
  readonly link: Link;
  readonly mode: AttachMode;
  /** Puts another program in its place between two packets. */
  update(program: KernelProgram): void;
  /** What puts the program back that is in place now; undefined where that may not be known. */
  remember(): (Disposable & { restore(): void }) | undefined;
  /** Keeps it there under a path that does not exist, whatever becomes of this process. */
  pin(path: string): void;
  /** Whether the interface that it was put on is there still. */
  isThere(): boolean;
  /** Takes it off at once. */
  detach(): void;
}

/** Native XDP on a veth loses packets in silence where the other end, perhaps in a container, is not ready for it. */
const VETH_ADVICE =
  "a veth, so generic XDP: frames sent natively vanish unless its other end has GRO on (ethtool -K … gro on); " +
  '"hook: xdp" takes native XDP all the same';

/**
 * Attaches `program` to `link`. With hook `auto`, generic XDP takes over where the driver has no native XDP,
 * refuses it as the interface is set up, or cannot be trusted with it (veth); `explain` is then told why.
 * Throws XdpAttachError.
 */
export function attach(programs: HookPrograms, link: Link, hook: Hook, explain: (line: string) => void): Attachment {
  if (hook === "tc") return attachAtTc(programs, link);
  if (hook === "auto" && LOCAL_KINDS.includes(link.kind ?? "")) {
    explain(`${link.name}: a ${link.kind}, so tc: packets from this machine have checksums that only the stack knows`);
    return attachAtTc(programs, link);
  }
  const program = programs.programFor("xdp");
  const isDoubtful = hook === "auto" && link.kind === "veth";
  if (isDoubtful) explain(`${link.name}: ${VETH_ADVICE}`);
  const first: XdpAttachMode = hook === "xdp-generic" || isDoubtful ? "generic" : "native";
  try {
    return attachment(program, link, first);
  } catch (error) {
    if (hook !== "auto" || !(error instanceof XdpAttachError) || error.code === "YM_XDP_BUSY") throw error;
    explain(`${link.name}: ${error.message}`);
    return attachment(program, link, "generic");
  }
}

/** Kinds of interfaces whose packets come from sockets of this machine: no driver has native XDP for them. */
const LOCAL_KINDS: readonly string[] = ["bridge", "tun"];

function attachAtTc(programs: HookPrograms, link: Link): Attachment {
  const handle = attachTc({ program: programs.programFor("tc"), interfaceIndex: link.index });
  const { link: byLink } = handle;
  if (byLink !== undefined) return attachmentOf(byLink, link, "tc");
  const isThere = (): boolean => listLinks().some(({ index, name }) => index === link.index && name === link.name);
  return {
    link,
    mode: "tc",
    update: (program) => handle.update(program),
    remember: () => undefined,
    // A filter stays by itself, and who comes next finds it by its name.
    pin: () => undefined,
    isThere,
    detach: () => handle.detach(),
    [Symbol.dispose]: () => handle[Symbol.dispose](),
  };
}

function attachment(program: KernelProgram, link: Link, mode: XdpAttachMode): Attachment {
  return attachmentOf(attachXdp({ program, interfaceIndex: link.index, mode }), link, mode);
}

/** What is pinned at `path` if that is on the interface `link`; undefined where nothing is. */
export function openAttachment(path: string, link: Link): Attachment | undefined {
  const handle = openPinnedXdpLink(path);
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
  return {
    link,
    mode,
    update: (program) => handle.update(program),
    remember: () => handle.remember(),
    pin: (path) => pin(handle, path),
    isThere: () => handle.info().interfaceIndex === link.index,
    detach: () => handle.detach(),
    [Symbol.dispose]: () => handle.close(),
  };
}
