// Pins: what one process leaves in a bpf file system, another finds.

import { assertNothingOpen } from "@yardmaster/linux";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import {
  createBpfFileSystem,
  createVethNamespace,
  describeKernel,
  mapSpec,
  type VethNamespace,
  verdictSpec,
  XDP_PASS,
} from "../../test/kernel-test.ts";
import { createKernelMap } from "./map.ts";
import { ensurePinDirectory, openPinnedMap, openPinnedProgram, openPinnedXdpLink, pin, unpin } from "./pin.ts";
import { loadKernelProgram } from "./program.ts";
import { attachXdp, findXdpOccupant } from "./xdp-link.ts";

describeKernel("pins", () => {
  let directory = "";
  let namespace: VethNamespace | undefined;
  let fileSystem: ReturnType<typeof createBpfFileSystem> | undefined;
  beforeAll(() => {
    fileSystem = createBpfFileSystem();
    namespace = createVethNamespace();
    directory = `${fileSystem.path}/a/b`;
    ensurePinDirectory(directory);
  });
  afterAll(() => {
    namespace?.[Symbol.dispose]();
    fileSystem?.[Symbol.dispose]();
  });
  afterEach(assertNothingOpen);

  test("a map lives on with its entries, until it is unpinned", () => {
    const [path, spec] = [`${directory}/map`, mapSpec({ maxEntries: 8 })];
    expect(openPinnedMap(path, spec)).toBeUndefined();
    {
      using map = createKernelMap(spec);
      map.update(1, 2);
      pin(map, path);
      expect(() => pin(map, path)).toThrow(/pinning map "test" at .*EEXIST/);
    }
    {
      using map = openPinnedMap(path, spec);
      expect(map?.lookup(1)).toBe(2);
    }
    expect(() => openPinnedMap(path, { ...spec, maxEntries: 9 })).toThrow(/maxEntries is 8, expected 9/);
    expect(() => openPinnedMap(path, mapSpec({ type: "lru_hash", maxEntries: 8 }))).toThrow(/type is 1, expected 9/);
    unpin(path);
    unpin(path);
    expect(openPinnedMap(path, spec)).toBeUndefined();
  });

  test("a program and its link go on without the process that made them", async () => {
    const { interfaceIndex, enter } = namespace ?? { interfaceIndex: 0, enter: <T>(run: () => T) => run() };
    const [programPath, linkPath, spec] = [
      `${directory}/program`,
      `${directory}/link`,
      verdictSpec(XDP_PASS, "pinned"),
    ];
    enter(() => {
      using program = loadKernelProgram(spec, new Map());
      using link = attachXdp({ program, interfaceIndex, mode: "native" });
      pin(program, programPath);
      pin(link, linkPath);
    });
    expect(enter(() => findXdpOccupant(interfaceIndex))).toMatchObject({ programName: "pinned", mode: "native" });
    {
      using program = openPinnedProgram(programPath, spec);
      using link = openPinnedXdpLink(linkPath);
      expect(program?.run({ packet: new Uint8Array(64) }).verdict).toBe(XDP_PASS);
      expect(link?.info()).toMatchObject({ interfaceIndex, programId: program?.id });
      using next = loadKernelProgram(verdictSpec(XDP_PASS, "next"), new Map());
      link?.update(next, program);
    }
    expect(enter(() => findXdpOccupant(interfaceIndex))).toMatchObject({ programName: "next" });
    unpin(linkPath);
    unpin(programPath);
    expect(openPinnedXdpLink(linkPath)).toBeUndefined();
    await vi.waitUntil(() => enter(() => findXdpOccupant(interfaceIndex)) === undefined, { timeout: 30_000 });
  });

  test("a directory outside a bpf file system is refused", () => {
    expect(() => ensurePinDirectory("/tmp/ymtest-no/pins")).toThrow(/no bpf file system is there; mount one/);
  });
});
