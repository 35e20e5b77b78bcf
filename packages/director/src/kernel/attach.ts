// Where the program meets packets: one link for each interface, native XDP where the driver has it.

import {
  attachXdp,
  type KernelProgram,
  XdpAttachError,
  type XdpAttachMode,
  type XdpLink,
} from "@yardmaster/ebpf/kernel";
import type { Link } from "@yardmaster/linux";
import type { Hook } from "../model/configuration.ts";

/** A program on an interface. */
export interface Attachment extends Disposable {
  readonly link: Link;
  readonly mode: XdpAttachMode;
  readonly handle: XdpLink;
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
  const handle = attachXdp({ program, interfaceIndex: link.index, mode });
  return {
    link,
    mode,
    handle,
    [Symbol.dispose]() {
      // Closed even if detaching fails: that takes the program off, too, where nothing else holds the link.
      using link = handle;
      link.detach();
    },
  };
}
