// What the BTF builder makes: byte layout, sharing of equal types, and that bpftool can read it.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BtfBuilder, encodeFuncInfo, encodeLineInfo } from "./index.ts";

const hasBpftool = spawnSync("bpftool", ["version"]).status === 0;

describe("BtfBuilder", () => {
  test("gives equal types and strings one number", () => {
    const btf = new BtfBuilder();
    const u32 = btf.addInt("u32", 32);
    expect(btf.addInt("u32", 32)).toBe(u32);
    expect(btf.addInt("s32", 32, { signed: true })).not.toBe(u32);
    expect(btf.addPointer(u32)).toBe(btf.addPointer(u32));
    expect(btf.addString("balance.ts")).toBe(btf.addString("balance.ts"));
    expect(btf.addString("")).toBe(0);
  });

  test("lays out header, types and strings", () => {
    const btf = new BtfBuilder();
    btf.addInt("u32", 32);
    const view = new DataView(btf.build().buffer);
    expect(view.getUint16(0, true)).toBe(0xeb9f);
    const words = Array.from({ length: 9 }, (_, index) => view.getUint32(4 + index * 4, true));
    expect(words).toEqual([24, 0, 16, 16, 5, 1, 1 << 24, 4, 32]);
    expect(new TextDecoder().decode(btf.build().subarray(40))).toBe("\0u32\0");
  });

  test("refuses references to types that do not exist", () => {
    expect(() => new BtfBuilder().addPointer(1)).toThrow(/refers to type 1/);
    expect(() => new BtfBuilder().addString("a\0b")).toThrow(/zero byte/);
  });

  test.skipIf(!hasBpftool)("is read by bpftool", () => {
    const btf = new BtfBuilder();
    const u8 = btf.addInt("u8", 8);
    const u32 = btf.addInt("u32", 32);
    const mac = btf.addArray(u8, u32, 6);
    const flow = btf.addStruct("flow", 16, [
      { name: "address", typeId: u32, byteOffset: 0 },
      { name: "mac", typeId: mac, byteOffset: 4 },
    ]);
    const alias = btf.addTypedef("flow_t", flow);
    const s32 = btf.addInt("int", 32, { signed: true });
    const proto = btf.addFunctionPrototype(s32, [{ name: "ctx", typeId: btf.addPointer(alias) }]);
    btf.addFunction("balance", proto, "global");

    const folder = mkdtempSync(join(tmpdir(), "btf-"));
    try {
      const file = join(folder, "blob.btf");
      writeFileSync(file, btf.build());
      const raw = spawnSync("bpftool", ["btf", "dump", "file", file], { encoding: "utf8" });
      expect(raw.stderr).toBe("");
      expect(raw.stdout).toContain("STRUCT 'flow' size=16 vlen=2");
      expect(raw.stdout).toContain("'mac' type_id=3 bits_offset=32");
      expect(raw.stdout).toContain("FUNC 'balance' type_id=8 linkage=global");
      const args = ["btf", "dump", "file", file, "format", "c"];
      const c = spawnSync("bpftool", args, { encoding: "utf8" });
      expect(c.stdout).toMatch(/struct flow \{\s+u32 address;\s+u8 mac\[6\];/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("program info", () => {
  test("packs functions and lines", () => {
    expect(encodeFuncInfo([{ instructionOffset: 7, typeId: 9 }])).toEqual(new Uint8Array([7, 0, 0, 0, 9, 0, 0, 0]));
    const record = { instructionOffset: 1, fileNameOffset: 2, lineOffset: 3, line: 6, column: 5000 };
    const words = new Uint32Array(encodeLineInfo([record]).buffer);
    expect([...words]).toEqual([1, 2, 3, (6 << 10) | 1023]);
  });
});
