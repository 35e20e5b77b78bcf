// What an instance keeps pinned of its data plane: the maps, one folder a generation, the latest behind the name
// "current", and a description of them.

import { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type BpfMap, struct, bytes, arrayMap } from "@yardmaster/ebpf";
import { createKernelMap, KernelMap, openPinnedMap, pin, readPinnedBytes } from "@yardmaster/ebpf/kernel";
import { DirectorError } from "../errors.ts";
import type { MadeMaps } from "../kernel/live-maps.ts";
import { LONGEST_DESCRIPTION, parseDescription } from "./description.ts";
import {
  type DataplaneDescription,
  describeMaps,
  type Former,
  type MapDescription,
  openFormer,
  rawSpec,
} from "./former-maps.ts";

const CURRENT = "current";
const DESCRIPTION = "description";
const GENERATION = /^generation-(\d+)$/;
const HINT = "yardmaster down ends that director and its connections; then start again";

/**
 * The data plane that an instance left, if there is one. Throws a DirectorError (YM_SUCCESSION_STATE) where something
 * is there that makes no sense, as a whole: nothing is taken over then, and nothing changed.
 */
export function openPinned(directory: string): Former | undefined {
  const folder = join(directory, CURRENT);
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return undefined;
  const description = readDescription(folder);
  return openFormer(description, (map) => openMap(folder, map));
}

function readDescription(folder: string): DataplaneDescription {
  const content = readBytes(folder);
  if (content === undefined) throw unusable(folder, "there is no description");
  try {
    return parseDescription(content);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unusable(folder, `this version does not understand its description: ${why}`, cause);
  }
}

function readBytes(folder: string): Uint8Array | undefined {
  try {
    return readPinnedBytes(join(folder, DESCRIPTION), LONGEST_DESCRIPTION);
  } catch (cause) {
    throw unusable(folder, "its description cannot be read", cause);
  }
}

function openMap(folder: string, description: MapDescription) {
  const { name } = description;
  let found: KernelMap<Uint8Array, Uint8Array> | undefined;
  try {
    found = openPinnedMap(join(folder, name), rawSpec(description));
  } catch (cause) {
    throw unusable(folder, `the map "${name}" is not as described`, cause);
  }
  if (found === undefined) throw unusable(folder, `the map "${name}" is missing`);
  return found;
}

function unusable(folder: string, why: string, cause?: unknown): DirectorError {
  const message = `taking over what is pinned in ${folder}: ${why}`;
  return new DirectorError("YM_SUCCESSION_STATE", message, { hint: HINT, cause });
}

/** A generation that is pinned and not yet the current one. */
export interface Generation {
  /** From now on it is the one that a successor takes over from. */
  makeCurrent(): void;
  /** Takes its pins away again. */
  discard(): void;
}

/** Pins what a successor needs of these maps as a new generation. */
export function pinGeneration(directory: string, made: MadeMaps, version: string): Generation {
  const numbers = generationsIn(directory).map(({ number }) => number);
  const name = `generation-${Math.max(0, ...numbers) + 1}`;
  const folder = join(directory, name);
  const discard = (): void => rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  try {
    const description = describeMaps(made, version);
    for (const map of description.maps) pin(kernelMap(made.byName.get(map.name)), join(folder, map.name));
    pinDescription(description, join(folder, DESCRIPTION));
  } catch (error) {
    discard();
    throw error;
  }
  const makeCurrent = (): void => {
    const next = join(directory, "next");
    rmSync(next, { force: true });
    symlinkSync(name, next);
    renameSync(next, join(directory, CURRENT));
  };
  return { makeCurrent, discard };
}

function pinDescription(description: DataplaneDescription, path: string): void {
  const content = new TextEncoder().encode(JSON.stringify(description));
  const Text = struct("description", { text: bytes(content.length) });
  using map = createKernelMap(arrayMap(DESCRIPTION, Text, 1).spec);
  map.update(0, { text: content });
  pin(map as KernelMap, path);
}

function kernelMap(map: BpfMap | undefined): KernelMap {
  if (map instanceof KernelMap) return map;
  throw new Error("only maps of the kernel can be pinned");
}

/** Has no successor take anything over from here. */
export function forgetCurrent(directory: string): void {
  rmSync(join(directory, CURRENT), { force: true });
}

/** Removes the generations that are not the current one. */
export function dropFormerGenerations(directory: string): void {
  const current = currentName(directory);
  for (const { name } of generationsIn(directory)) {
    if (name !== current) rmSync(join(directory, name), { recursive: true, force: true });
  }
}

function currentName(directory: string): string | undefined {
  const path = join(directory, CURRENT);
  return existsSync(path) ? readlinkSync(path) : undefined;
}

function generationsIn(directory: string): readonly { readonly name: string; readonly number: number }[] {
  return readdirSync(directory).flatMap((name) => {
    const [, number] = GENERATION.exec(name) ?? [];
    return number === undefined ? [] : [{ name, number: Number(number) }];
  });
}
