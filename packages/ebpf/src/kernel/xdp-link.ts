// Attaching a program to an interface at XDP, before the network stack sees a packet.

import {
  BpfAttachType,
  Errno,
  errnoName,
  errnoText,
  FileDescriptor,
  type LinkInfo,
  linkCreate,
  linkDetach,
  linkInfo,
  linkUpdate,
  listLinks,
  objectById,
  permissionHint,
  programInfo,
  SyscallError,
  XdpFlag,
} from "@yardmaster/linux";
import { KernelProgram } from "./program.ts";

/** Native: the driver runs the program. Generic: the network stack does, later and slower. */
export type XdpAttachMode = "native" | "generic";

/** What to attach where. */
export interface AttachXdpOptions {
  readonly program: KernelProgram;
  /** Of this network namespace. */
  readonly interfaceIndex: number;
  readonly mode: XdpAttachMode;
}

/**
 * Why an attachment failed:
 * - `YM_XDP_BUSY`: another program is there.
 * - `YM_XDP_UNSUPPORTED`: the driver has no native XDP. Generic XDP will work.
 * - `YM_XDP_REFUSED`: the driver has it but not as the interface is set up (MTU, queues, offloads). Generic
 *   XDP will work, and the interface can be changed.
 */
export type XdpAttachErrorCode = "YM_XDP_BUSY" | "YM_XDP_UNSUPPORTED" | "YM_XDP_REFUSED";

/** A program could not be attached, for a reason that the caller can do something about. */
export class XdpAttachError extends Error {
  override readonly name = "XdpAttachError";
  readonly code: XdpAttachErrorCode;
  readonly errno: number;
  /** With YM_XDP_BUSY: the program that is there. The name is undefined where it may not be asked for. */
  readonly occupant: XdpOccupant | undefined;

  constructor(code: XdpAttachErrorCode, message: string, errno: number, occupant?: XdpOccupant) {
    super(message);
    this.code = code;
    this.errno = errno;
    this.occupant = occupant;
  }
}

/** An XDP program that is attached to an interface already. */
export interface XdpOccupant {
  readonly programId: number;
  readonly programName: string | undefined;
  readonly mode: XdpAttachMode | "offload";
}

/** A program attached to an interface, for as long as the link is open or pinned. */
export class XdpLink implements Disposable {
  readonly fd: FileDescriptor;

  /** Takes ownership of `fd`, an XDP link. */
  constructor(fd: FileDescriptor) {
    this.fd = fd;
  }

  /** Puts `program` in place between two packets. With `expected`, only if that is the program there now. */
  update(program: KernelProgram, expected?: KernelProgram): void {
    linkUpdate(this.fd, program.fd, expected?.fd);
  }

  /**
   * What puts the program that is in place now back there: by this link, or where it was detached, of XDP, by another.
   * Holds that program until it is disposed. Needs CAP_SYS_ADMIN; undefined without.
   */
  remember(): (Disposable & { restore(): void; attachAgain(mode: XdpAttachMode): XdpLink }) | undefined {
    const { programId, interfaceIndex } = this.info();
    const descriptor = tryOpenProgram(programId);
    if (descriptor === undefined) return undefined;
    const program = new KernelProgram({ name: programInfo(descriptor).name, type: "xdp" }, descriptor);
    return {
      restore: () => linkUpdate(this.fd, descriptor),
      attachAgain: (mode) => attachXdp({ program, interfaceIndex, mode }),
      [Symbol.dispose]: () => program.close(),
    };
  }

  /** What the kernel tells of it now; `interfaceIndex` is 0 once the interface is gone. */
  info(): LinkInfo {
    return linkInfo(this.fd);
  }

  /** Takes the program off the interface at once, even if the link is pinned. */
  detach(): void {
    linkDetach(this.fd);
  }

  /** Lets go; the program goes off the interface unless the link is pinned. */
  close(): void {
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The XDP program on an interface, or undefined. */
export function findXdpOccupant(interfaceIndex: number): XdpOccupant | undefined {
  const xdp = listLinks().find((link) => link.index === interfaceIndex)?.xdp;
  if (xdp === undefined) return undefined;
  using program = tryOpenProgram(xdp.programId);
  return { ...xdp, programName: program && programInfo(program).name };
}

/** Opens a program by its id; undefined where that is not allowed. */
export function tryOpenProgram(id: number): FileDescriptor | undefined {
  try {
    return objectById("program", id);
  } catch (error) {
    // Opening by id needs CAP_SYS_ADMIN, attaching does not: then the name stays unknown.
    if (error instanceof SyscallError && error.errno === Errno.EPERM) return undefined;
    throw error;
  }
}

/** What a driver answers when it cannot run XDP as the interface is set up: veth says ERANGE for the MTU, others
 * EINVAL; virtio_net ENOMEM for too few queues. */
const DRIVER_REFUSALS: readonly number[] = [Errno.EINVAL, Errno.ERANGE, Errno.ENOMEM, Errno.ENOSPC, Errno.E2BIG];

function attachError({ interfaceIndex, mode, program }: AttachXdpOptions, errno: number): Error {
  const link = listLinks().find(({ index }) => index === interfaceIndex);
  const where = link === undefined ? `interface ${interfaceIndex}` : `interface "${link.name}"`;
  const doing = `attaching program "${program.spec.name}" to ${where} (${mode} XDP)`;
  if (link === undefined) {
    const hint = "there is no such interface in this network namespace";
    return new SyscallError({ doing, command: "bpf(BPF_LINK_CREATE)", errno, hint });
  }
  const reason = `${errnoText(errno)} (${errnoName(errno)})`;
  if (errno === Errno.EBUSY || errno === Errno.EEXIST) {
    const occupant = findXdpOccupant(interfaceIndex);
    const name = occupant?.programName === undefined ? "" : `"${occupant.programName}" `;
    const who =
      occupant === undefined ? "a program" : `program ${name}(id ${occupant.programId}, ${occupant.mode} XDP)`;
    const advice = `"ip link set ${link.name} xdp off" takes it off, unless a process or pin holds it by a link`;
    return new XdpAttachError(
      "YM_XDP_BUSY",
      `${doing}: ${who} is there already: ${reason}; ${advice}`,
      errno,
      occupant,
    );
  }
  if (mode === "native" && errno === Errno.EOPNOTSUPP) {
    const message = `${doing}: the driver has no native XDP: ${reason}; use generic XDP`;
    return new XdpAttachError("YM_XDP_UNSUPPORTED", message, errno);
  }
  if (mode === "native" && DRIVER_REFUSALS.includes(errno)) {
    const advice = `its MTU (${link.mtu}) may be too large, or its queues too few; use generic XDP, or change it`;
    return new XdpAttachError("YM_XDP_REFUSED", `${doing}: the driver refuses: ${reason}; ${advice}`, errno);
  }
  const hint = errno === Errno.EPERM ? permissionHint() : undefined;
  return new SyscallError({ doing, command: "bpf(BPF_LINK_CREATE)", errno, hint });
}

/** Attaches a program by a link. Throws XdpAttachError, or SyscallError for what nobody can foresee. */
export function attachXdp(options: AttachXdpOptions): XdpLink {
  const { program, interfaceIndex, mode } = options;
  const result = linkCreate({
    program: program.fd,
    target: interfaceIndex,
    attachType: BpfAttachType.XDP,
    flags: mode === "native" ? XdpFlag.DRV_MODE : XdpFlag.SKB_MODE,
    what: `XDP link of program "${program.spec.name}" on interface ${interfaceIndex}`,
  });
  if (result instanceof FileDescriptor) return new XdpLink(result);
  throw attachError(options, result.errno);
}
