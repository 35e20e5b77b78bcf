// bpf(2) commands against the kernel, as far as the tests of the ebpf package do not cover them already.

import { afterEach, expect, test } from "vitest";
import { SyscallError } from "../errno.ts";
import { describeKernel } from "../../test/kernel-test.ts";
import { assertNothingOpen } from "../leak-check.ts";
import { MappedMemory } from "../memory.ts";
import { BpfMapFlag, BpfMapType, BpfUpdateFlag } from "./constants.ts";
import { mapCreate, mapDelete, mapDeleteBatch, mapGetNextKey, mapLookup, mapUpdate } from "./map.ts";
import { mapInfo, objectById, objectNextId } from "./object.ts";

const hash = { name: "linux_test", type: BpfMapType.hash, keySize: 4, valueSize: 8, maxEntries: 2, flags: 0 };
const key = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const value = new Uint8Array(8).fill(7);

describeKernel("bpf(2)", () => {
  afterEach(assertNothingOpen);

  test("a map's life", () => {
    using map = mapCreate(hash);
    expect(mapInfo(map)).toMatchObject({ name: "linux_test", type: 1, keySize: 4, valueSize: 8, maxEntries: 2 });
    const read = new Uint8Array(8);
    expect(mapLookup(map, key(1), read)).toBe(false);
    expect(mapUpdate(map, key(1), value, BpfUpdateFlag.EXIST)).toBe(false);
    expect(mapUpdate(map, key(1), value, BpfUpdateFlag.NOEXIST)).toBe(true);
    expect(mapUpdate(map, key(1), value, BpfUpdateFlag.NOEXIST)).toBe(false);
    expect(mapLookup(map, key(1), read)).toBe(true);
    expect(read).toEqual(value);
    const next = new Uint8Array(4);
    expect(mapGetNextKey(map, undefined, next)).toBe(true);
    expect(mapGetNextKey(map, next, next)).toBe(false);
    expect(mapDelete(map, key(1))).toBe(true);
    expect(mapDelete(map, key(1))).toBe(false);
  });

  test("a full map says so", () => {
    using map = mapCreate(hash);
    for (const n of [1, 2]) mapUpdate(map, key(n), value, BpfUpdateFlag.ANY);
    expect(() => mapUpdate(map, key(3), value, BpfUpdateFlag.ANY)).toThrow(/E2BIG.*the map is full/);
  });

  test("deleting in batches stops at a key that is not there", () => {
    using map = mapCreate(hash);
    for (const n of [1, 2]) mapUpdate(map, key(n), value, BpfUpdateFlag.ANY);
    expect(mapDeleteBatch(map, Uint8Array.from([...key(1), ...key(2)]), 2)).toBe(true);
    expect(mapDeleteBatch(map, key(1), 1)).toBe(false);
  });

  test("objects are found by number while they live", () => {
    const map = mapCreate(hash);
    const { id } = mapInfo(map);
    expect(objectNextId("map", id - 1)).toBe(id);
    using again = objectById("map", id);
    expect(again && mapInfo(again).name).toBe("linux_test");
    map.close();
    expect(objectById("map", 0x7fff_ffff)).toBeUndefined();
    expect(objectNextId("map", 0x7fff_fffe)).toBeUndefined();
  });

  test("mapped memory is the map's, and gone when unmapped", () => {
    const options = { ...hash, type: BpfMapType.array, flags: BpfMapFlag.MMAPABLE };
    using map = mapCreate(options);
    mapUpdate(map, key(1), value, BpfUpdateFlag.ANY);
    const memory = new MappedMemory({ fd: map, length: 16, access: "read-write" });
    const bytes = new Uint8Array(memory.buffer);
    expect([...bytes.subarray(8)]).toEqual([...value]);
    bytes[0] = 9;
    const read = new Uint8Array(8);
    mapLookup(map, key(0), read);
    expect(read[0]).toBe(9);
    memory.close();
    memory.close();
    expect([bytes.length, bytes[0]]).toEqual([0, undefined]);
    using plain = mapCreate(hash);
    expect(() => new MappedMemory({ fd: plain, length: 16, access: "read" })).toThrow(SyscallError);
  });
});
