// What the kernel tests of src/kernel share: codecs, small programs, a pair of veths in a namespace of their
// own, a bpf file system of their own, and skipping with a reason.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findLink, mountBpfFileSystem, withNetworkNamespace } from "@yardmaster/linux";
import { describe } from "vitest";
import { exit, type Instruction, mov64Imm, r0 } from "../src/asm/index.ts";
import type { Codec, MapSpec, ProgramSpec } from "../src/spec.ts";
import { bpfAccessProblem } from "../src/kernel/features.ts";

export const XDP_PASS = 2;
export const XDP_TX = 3;

const problem = bpfAccessProblem();

/** `describe` for tests that need bpf(2); without it they skip, with the reason in the name. */
export function describeKernel(name: string, body: () => void): void {
  describe.skipIf(problem !== undefined)(problem === undefined ? name : `${name} (skipped: ${problem})`, body);
}

export const u32: Codec<number> = {
  size: 4,
  encode: (value) => new Uint8Array(Uint32Array.of(value).buffer),
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true),
};

export const u64: Codec<bigint> = {
  size: 8,
  encode: (value) => new Uint8Array(BigUint64Array.of(value).buffer),
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true),
};

/** A spec of a small hash map, with `fields` changed. */
export function mapSpec(fields: Partial<MapSpec<number, number>> = {}): MapSpec<number, number> {
  return { name: "test", type: "hash", key: u32, value: u32, maxEntries: 16, flags: 0, ...fields };
}

/** A spec of an XDP program. */
export function programSpec(instructions: readonly Instruction[], fields: Partial<ProgramSpec> = {}): ProgramSpec {
  return { name: "test", type: "xdp", instructions, maps: [], license: "Dual MIT/GPL", ...fields };
}

/** A program that answers `verdict` to every packet. */
export function verdictSpec(verdict: number, name = "test"): ProgramSpec {
  return programSpec([mov64Imm(r0, verdict), exit()], { name });
}

/** A namespace with a pair of veths; disposing deletes it. */
export interface VethNamespace extends Disposable {
  readonly interfaceIndex: number;
  /** Runs inside. */
  enter<T>(run: () => T): T;
}

export function createVethNamespace(): VethNamespace {
  const name = `ymtest-ebpf-${process.pid}`;
  const ip = (...args: readonly string[]): void => void execFileSync("ip", args);
  const remove = (): void => ip("netns", "del", name);
  const enter = <T>(run: () => T): T => withNetworkNamespace(name, run);
  ip("netns", "add", name);
  try {
    ip("-n", name, "link", "add", "veth0", "type", "veth", "peer", "name", "veth1");
    const interfaceIndex = enter(() => findLink("veth0"))?.index ?? 0;
    return { interfaceIndex, enter, [Symbol.dispose]: remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** A bpf file system of the test's own; disposing unmounts it, and so lets go of what is pinned in it. */
export function createBpfFileSystem(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "ymtest-bpffs-"));
  mountBpfFileSystem(path);
  return {
    path,
    [Symbol.dispose]() {
      execFileSync("umount", [path]);
      rmdirSync(path);
    },
  };
}
