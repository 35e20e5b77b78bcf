// Brings the unwrapper to life at an interface: maps, the program and its link, all pinned.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { compile } from "@yardmaster/ebpf";
import {
  attachTcEgress,
  attachXdp,
  createKernelMap,
  ensurePinDirectory,
  type KernelMap,
  type KernelProgram,
  loadKernelProgram,
  openPinnedMap,
  openPinnedProgram,
  openPinnedXdpLink,
  pin,
  removeTcEgress,
  unpin,
  XdpAttachError,
  type XdpLink,
} from "@yardmaster/ebpf/kernel";
import { findLink } from "@yardmaster/linux";
import type { Prefix } from "@yardmaster/packet";
import { prefixKey } from "../addresses.ts";
import { RealServerError } from "../errors.ts";
import type { VirtualService } from "../options.ts";
import { removeIfEmpty } from "../pins.ts";
import { directors, serviceKeys, services, unwrapCounts, unwrapReasonNames } from "./maps.ts";
import { CLAMP_PROGRAM, clamper } from "./clamp.ts";
import { unwrapper } from "./program.ts";

const CLAMP_LINK = "clamp_link";
const LINK = "unwrap_link";
const PROGRAM = "unwrap_program";
const MAPS = [directors, services, unwrapCounts].map(({ spec }) => spec);

/** What to unwrap where. */
export interface UnwrapperOptions {
  readonly interfaceName: string;
  /** Whose packets are unwrapped. */
  readonly directors: readonly Prefix[];
  /** For which what is inside may be. */
  readonly services: readonly VirtualService[];
  readonly guePort: number;
  /** Largest TCP payloads that clients may send, by family; undefined: as they like. */
  readonly largestSegments: { readonly 4: number; readonly 6: number } | undefined;
  readonly pinDirectory: string;
}

/** Attaches the unwrapper in the place of one that may be there. Throws for what the kernel refuses. */
export function installUnwrapper(options: UnwrapperOptions): void {
  removeUnwrapper(options);
  ensurePinDirectory(options.pinDirectory);
  const spec = compile(unwrapper(options));
  using opened = new DisposableStack();
  const maps = new Map<string, KernelMap>();
  for (const map of spec.maps) maps.set(map.name, opened.use(createKernelMap(map)));
  for (const prefix of options.directors) maps.get(directors.spec.name)?.update(prefixKey(prefix), { unused: 0 });
  for (const key of options.services.flatMap(serviceKeys)) maps.get(services.spec.name)?.update(key, { unused: 0 });
  const program = opened.use(loadKernelProgram(spec, maps));
  for (const [name, map] of maps) pin(map, join(options.pinDirectory, name));
  pin(program, join(options.pinDirectory, PROGRAM));
  const link = opened.use(attach(program, options.interfaceName));
  pin(link, join(options.pinDirectory, LINK));
  if (options.largestSegments !== undefined) installClamper(options, options.largestSegments, maps);
}

/** At the interface of the directors, which is where answers leave, too, unless routes say otherwise. */
function installClamper(
  { interfaceName, pinDirectory }: UnwrapperOptions,
  largest: { readonly 4: number; readonly 6: number },
  maps: ReadonlyMap<string, KernelMap>,
): void {
  using program = loadKernelProgram(compile(clamper({ largest })), maps);
  using link = attachTcEgress(program, indexOf(interfaceName));
  if (link !== undefined) pin(link, join(pinDirectory, CLAMP_LINK));
}

function indexOf(interfaceName: string): number {
  const index = findLink(interfaceName)?.index;
  if (index !== undefined) return index;
  const message = `attaching the unwrapper to interface "${interfaceName}": there is none of that name`;
  throw new RealServerError("YM_REALSERVER_INTERFACE", message);
}

/** In the driver where that is possible: there packets are not yet merged, and nothing is copied. */
function attach(program: KernelProgram, interfaceName: string): XdpLink {
  const interfaceIndex = indexOf(interfaceName);
  try {
    return attachXdp({ program, interfaceIndex, mode: "native" });
  } catch (error) {
    if (!(error instanceof XdpAttachError)) throw error;
    if (error.code === "YM_XDP_BUSY") throw new RealServerError("YM_REALSERVER_BUSY", error.message, { cause: error });
    return attachXdp({ program, interfaceIndex, mode: "generic" });
  }
}

/** Whether the unwrapper is attached. */
export function isUnwrapperInstalled(pinDirectory: string): boolean {
  if (!existsSync(join(pinDirectory, LINK))) return false;
  using link = openPinnedXdpLink(join(pinDirectory, LINK));
  return link !== undefined && link.info().interfaceIndex !== 0;
}

/** The attached program, to be run on packets that are on no wire; undefined where there is none. */
export function openUnwrapper(pinDirectory: string, guePort: number): KernelProgram | undefined {
  return openPinnedProgram(join(pinDirectory, PROGRAM), compile(unwrapper({ guePort })));
}

/** Packets by reason since the unwrapper was attached; undefined where it is not. */
export function readUnwrapCounts(pinDirectory: string): Readonly<Record<string, bigint>> | undefined {
  using counts = openPinnedMap(join(pinDirectory, unwrapCounts.spec.name), unwrapCounts.spec);
  if (counts === undefined) return undefined;
  const sumOf = (index: number): bigint =>
    (counts.lookupPerCpu(index) ?? []).reduce((sum, { packets }) => sum + packets, 0n);
  return Object.fromEntries(unwrapReasonNames.map((name, index) => [name, sumOf(index)]));
}

/** Takes the unwrapper off. What is not there is no error. */
export function removeUnwrapper({
  pinDirectory,
  interfaceName,
}: Pick<UnwrapperOptions, "pinDirectory" | "interfaceName">): void {
  for (const name of [LINK, CLAMP_LINK]) {
    using link = openPinnedXdpLink(join(pinDirectory, name));
    link?.detach();
  }
  const index = findLink(interfaceName)?.index;
  if (index !== undefined) removeTcEgress(index, CLAMP_PROGRAM);
  for (const name of [LINK, CLAMP_LINK, PROGRAM, ...MAPS.map((map) => map.name)]) unpin(join(pinDirectory, name));
  removeIfEmpty(pinDirectory);
}
