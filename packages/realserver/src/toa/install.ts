// Brings the programs of toa to life: maps, programs, and links to a control group, all pinned, so that they stay when
// the command that made them has ended.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { compile } from "@yardmaster/ebpf";
import {
  attachCgroup,
  createKernelMap,
  ensurePinDirectory,
  type KernelMap,
  loadKernelProgram,
  openPinnedCgroupLink,
  pin,
  unpin,
} from "@yardmaster/ebpf/kernel";
import type { Prefix } from "@yardmaster/packet";
import { prefixKey } from "../addresses.ts";
import { removeIfEmpty } from "../pins.ts";
import { clients, directors, keepClient, tellClient4, tellClient6, toaCounts } from "./program.ts";

const programs = [keepClient, tellClient4, tellClient6] as const;

/** What to install and where. */
export interface ToaOptions {
  /** Who may say who a client is. */
  readonly directors: readonly Prefix[];
  /** A control group of version 2: the programs see the sockets of processes in it and below. */
  readonly controlGroup: string;
  /** In a bpf file system; made if it is not there. */
  readonly pinDirectory: string;
}

/** Attaches the programs in the place of those that may be there. Throws for what the kernel refuses. */
export function installToa(options: ToaOptions): void {
  removeToa(options.pinDirectory);
  ensurePinDirectory(options.pinDirectory);
  const maps = new Map<string, KernelMap>();
  using opened = new DisposableStack();
  for (const definition of programs) {
    const spec = compile(definition);
    for (const map of spec.maps) {
      if (!maps.has(map.name)) maps.set(map.name, opened.use(createKernelMap(map)));
    }
    const program = opened.use(loadKernelProgram(spec, maps));
    const link = opened.use(attachCgroup(program, options.controlGroup));
    pin(link, join(options.pinDirectory, spec.name));
  }
  for (const prefix of options.directors) maps.get(directors.spec.name)?.update(prefixKey(prefix), { unused: 0 });
  for (const [name, map] of maps) pin(map, join(options.pinDirectory, `map_${name}`));
}

/** Whether all of the programs are attached. */
export function isToaInstalled(pinDirectory: string): boolean {
  return programs.every(({ name }) => existsSync(join(pinDirectory, name)));
}

/** Takes the programs off. What is not there is no error. */
export function removeToa(pinDirectory: string): void {
  for (const { name } of programs) {
    const path = join(pinDirectory, name);
    using link = openPinnedCgroupLink(path);
    link?.detach();
    unpin(path);
  }
  for (const { spec } of [directors, clients, toaCounts]) unpin(join(pinDirectory, `map_${spec.name}`));
  removeIfEmpty(pinDirectory);
}
