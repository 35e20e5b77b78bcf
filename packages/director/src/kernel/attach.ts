// Where the program meets packets: one link for each interface, native XDP where the driver has it.

import {
  attachXdp,
  type KernelProgram,
  openPinnedXdpLink,
  pin,
  XdpAttachError,
  type XdpAttachMode,
  type XdpLink,
} from "@yardmaster/ebpf/kernel";
import type { Link } from "@yardmaster/linux";
import type { Hook } from "../model/configuration.ts";

/** A program on an interface. Disposing lets go of it: it stays there where it is pinned. */
export interface Attachment extends Disposable {
  readonly link: Link;
  readonly mode: XdpAttachMode;
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
export function attach(program: KernelProgram, link: Link, hook: Hook, explain: (line: string) => void): Attachment {
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

function attachment(program: KernelProgram, link: Link, mode: XdpAttachMode): Attachment {
  return attachmentOf(attachXdp({ program, interfaceIndex: link.index, mode }), link, mode);
}

/** What is pinned at `path` if that is on the interface `link`; undefined where nothing is. */
export function openAttachment(path: string, link: Link): Attachment | undefined {
  const handle = openPinnedXdpLink(path);
  if (handle === undefined) return undefined;
  if (link.xdp !== undefined && handle.info().interfaceIndex === link.index) {
    return attachmentOf(handle, link, link.xdp.mode === "generic" ? "generic" : "native");
  }
  handle.close();
  return undefined;
}

function attachmentOf(handle: XdpLink, link: Link, mode: XdpAttachMode): Attachment {
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
