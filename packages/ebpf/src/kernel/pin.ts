// Pins: names in a bpf file system that keep maps, programs and links alive without this process.

import { existsSync, mkdirSync, readlinkSync, rmSync } from "node:fs";
import { basename, dirname } from "node:path";
import { isBpfFileSystem, mapInfo, mountBpfFileSystem, objectGet, objectPin } from "@yardmaster/linux";
import type { Codec, MapSpec, ProgramSpec } from "../spec.ts";
import { CgroupLink } from "./cgroup-link.ts";
import { ObjectError } from "./errors.ts";
import { assertMapMatches, KernelMap } from "./map.ts";
import { KernelProgram } from "./program.ts";
import { XdpLink } from "./xdp-link.ts";

/** Where systems mount the bpf file system (systemd does at boot). */
const MOUNT_POINT = "/sys/fs/bpf";

/**
 * Makes `directory` exist inside a bpf file system. Mounts one on /sys/fs/bpf if it is to be there and none
 * is; anywhere else a missing file system is an ObjectError (YM_PIN_DIRECTORY).
 */
export function ensurePinDirectory(directory: string): void {
  const isOfSystem = directory === MOUNT_POINT || directory.startsWith(`${MOUNT_POINT}/`);
  // What is there may be all that a service is shown of the system's: packaging/yardmaster.service.
  if (isOfSystem && !isBpfFileSystem(nearestExisting(directory))) mountBpfFileSystem(MOUNT_POINT);
  const ancestor = nearestExisting(directory);
  if (!isBpfFileSystem(ancestor)) {
    const advice = `mount one: mount -t bpf bpf ${ancestor}`;
    throw new ObjectError(
      "YM_PIN_DIRECTORY",
      `preparing "${directory}" for pins: no bpf file system is there; ${advice}`,
    );
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
}

function nearestExisting(directory: string): string {
  let ancestor = directory;
  while (!existsSync(ancestor) && dirname(ancestor) !== ancestor) ancestor = dirname(ancestor);
  return ancestor;
}

/** Pins an object at `path`, which must not exist. Names may not hold dots (kernel/bpf/inode.c). */
export function pin(object: KernelMap | KernelProgram | XdpLink | CgroupLink, path: string): void {
  objectPin(object.fd, path);
}

/**
 * Removes a pin; without it there is nothing to do. The object lives on while something else holds it, and goes
 * a moment later otherwise (kernel/bpf/inode.c frees after an RCU grace period): to take a program off its
 * interface at once, `detach` the link first.
 */
export function unpin(path: string): void {
  rmSync(path, { force: true });
}

/** Opens the map pinned at `path`; undefined where nothing is. Throws ObjectError (YM_MAP_MISMATCH) when
 * it differs from `spec`. */
export function openPinnedMap<K, V>(path: string, spec: MapSpec<K, V>): KernelMap<K, V> | undefined {
  const fd = objectGet(path, `map "${spec.name}"`);
  if (fd === undefined) return undefined;
  try {
    assertMapMatches(fd, spec as MapSpec);
  } catch (error) {
    fd.close();
    throw error;
  }
  return new KernelMap(spec, fd);
}

/**
 * Opens the array of one entry that is pinned at `path` and gives its value; undefined where nothing is. Throws
 * ObjectError (YM_MAP_MISMATCH) where something else is, or one longer than `maximum`.
 */
export function readPinnedBytes(path: string, maximum: number): Uint8Array | undefined {
  using fd = objectGet(path, `map pinned at "${path}"`);
  if (fd === undefined) return undefined;
  const { keySize, valueSize, maxEntries, flags } = mapInfo(fd);
  if (keySize !== 4 || valueSize > maximum) {
    const problem = `what is pinned at "${path}" has keys of ${keySize} and values of ${valueSize} bytes`;
    throw new ObjectError("YM_MAP_MISMATCH", `reading it: ${problem}, not of 4 and up to ${maximum}`);
  }
  const codec = (size: number): Codec<Uint8Array> => ({ size, encode: (bytes) => bytes, decode: (bytes) => bytes });
  const sizes = { key: codec(keySize), value: codec(valueSize) };
  const spec: MapSpec<Uint8Array, Uint8Array> = { name: basename(path), type: "array", ...sizes, maxEntries, flags };
  assertMapMatches(fd, spec as MapSpec);
  using map = new KernelMap(spec, fd.duplicate());
  return map.lookup(new Uint8Array(keySize));
}

/** Opens the program pinned at `path`, which `spec` describes; undefined where nothing is. */
export function openPinnedProgram(path: string, spec: ProgramSpec): KernelProgram | undefined {
  const fd = objectGet(path, `program "${spec.name}"`);
  return fd && new KernelProgram(spec, fd);
}

/** Opens the XDP link pinned at `path`; undefined where nothing is. Throws ObjectError (YM_PIN_KIND): it is no link. */
export function openPinnedXdpLink(path: string): XdpLink | undefined {
  const fd = objectGet(path, `XDP link pinned at "${path}"`);
  if (fd === undefined) return undefined;
  // The kernel tells of any object what it is asked as a link: its kind is in the name (anon_inode_getfile).
  const kind = readlinkSync(`/proc/self/fd/${fd.value}`);
  if (/bpf[_-]link/.test(kind)) return new XdpLink(fd);
  fd.close();
  throw new ObjectError("YM_PIN_KIND", `opening the link pinned at "${path}": it is a ${kind.replace(/^.*:/, "")}`);
}

/** Opens the link to a control group pinned at `path`; undefined where nothing is. */
export function openPinnedCgroupLink(path: string): CgroupLink | undefined {
  const fd = objectGet(path, `control group link pinned at "${path}"`);
  return fd && new CgroupLink(fd);
}
