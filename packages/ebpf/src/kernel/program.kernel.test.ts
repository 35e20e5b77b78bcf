// Programs in the kernel: loading, running, and being refused with the TypeScript position.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { assertNothingOpen } from "@yardmaster/linux";
import { afterEach, expect, test } from "vitest";
import * as asm from "../asm/index.ts";
import { describeKernel, mapSpec, programSpec, verdictSpec, XDP_PASS, XDP_TX } from "../../test/kernel-test.ts";
import { createKernelHost } from "./host.ts";
import { VerifierError } from "./verifier-error.ts";

const host = createKernelHost();
const none = new Map();
const { r0, r1, r2, r3, fp } = asm;
const packet = Uint8Array.from({ length: 64 }, (_, i) => i);

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describeKernel("programs in the kernel", () => {
  afterEach(assertNothingOpen);

  test("the smallest program runs and leaves the packet alone", () => {
    using program = host.loadProgram(verdictSpec(XDP_PASS, "pass"), none);
    const output = program.run({ packet, repeat: 100 });
    expect(output).toMatchObject({ verdict: XDP_PASS, packet });
    expect(output.durationNs).toBeGreaterThanOrEqual(0);
    expect(program.info).toMatchObject({ id: program.id, name: "pass", verifiedInstructions: 2, translatedLength: 16 });
  });

  test("a signal does not end a repeated run", async () => {
    using program = host.loadProgram(verdictSpec(XDP_PASS, "pass"), none);
    const ignore = (): void => undefined;
    process.on("SIGUSR2", ignore);
    try {
      const { durationNs } = program.run({ packet, repeat: 100_000 });
      // Long enough for the signal to come meanwhile.
      const repeat = Math.ceil(500_000_000 / Math.max(1, durationNs));
      const sender = spawn("sh", ["-c", `sleep 0.1; kill -USR2 ${process.pid}`], { stdio: "ignore" });
      expect(program.run({ packet, repeat })).toMatchObject({ verdict: XDP_PASS });
      await once(sender, "exit");
    } finally {
      process.off("SIGUSR2", ignore);
    }
  });

  test("a program sees the ingress interface and may write and grow the packet", () => {
    const instructions = asm.assemble([
      asm.mov64(asm.r6, r1),
      asm.mov64Imm(r2, -4),
      asm.callHelper(asm.helperId("xdp_adjust_head") ?? 0),
      asm.load(4, r2, asm.r6, 0),
      asm.load(4, r3, asm.r6, 4),
      asm.load(4, r0, asm.r6, 12),
      asm.mov64(r1, r2),
      asm.aluImm("add", 64, r1, 4),
      asm.jump("jgt", 64, r1, r3, "out"),
      asm.store(4, r2, 0, r0),
      asm.label("out"),
      asm.mov64Imm(r0, XDP_TX),
      asm.exit(),
    ]);
    using program = host.loadProgram(programSpec(instructions), none);
    const output = program.run({ packet, ingressIfindex: 1 });
    expect(output.verdict).toBe(XDP_TX);
    expect([...output.packet]).toEqual([1, 0, 0, 0, ...packet]);
    expect(() => program.run({ packet, ingressIfindex: 0x7fff_fff0 })).toThrow(/ENODEV/);
    expect(() => program.run({ packet: new Uint8Array(4) })).toThrow(/on a packet of 4 bytes: invalid argument/);
  });

  test("sched_cls programs run, with their interface", () => {
    const instructions = [asm.load(4, r0, r1, 40), asm.exit()];
    using program = host.loadProgram(programSpec(instructions, { type: "sched_cls" }), none);
    expect(program.run({ packet, ingressIfindex: 1 }).verdict).toBe(1);
    expect(program.run({ packet }).packet).toEqual(packet);
  });

  test("syscall programs take the packet as their context and may change it", () => {
    const instructions = [asm.load(4, r0, r1, 0), asm.aluImm("add", 64, r0, 1), asm.store(4, r1, 4, r0), asm.exit()];
    using program = host.loadProgram(programSpec(instructions, { type: "syscall" }), none);
    const output = program.run({ packet: Uint8Array.of(41, 0, 0, 0, 0, 0, 0, 0) });
    expect(output).toMatchObject({ verdict: 42, packet: Uint8Array.of(41, 0, 0, 0, 42, 0, 0, 0) });
  });

  test("maps are found by name, and by the address of a value", () => {
    const instructions = [
      asm.loadMapValue(r1, "counters", 4),
      asm.mov64Imm(r2, 5),
      asm.atomic("add", 4, r1, 0, r2),
      asm.mov64Imm(r0, XDP_PASS),
      asm.exit(),
    ];
    using single = host.createMap(mapSpec({ name: "counters", type: "array", maxEntries: 1 }));
    const spec = programSpec(instructions.with(0, asm.loadMapValue(r1, "counters", 0)));
    using program = host.loadProgram(spec, new Map([["counters", single]]));
    program.run({ packet, repeat: 3 });
    expect(single.lookup(0)).toBe(15);
    expect(() => host.loadProgram(programSpec(instructions), new Map([["counters", single]]))).toThrow(
      /invalid access to map value pointer, value_size=4 off=4/,
    );
    expect(() => host.loadProgram(spec, none)).toThrow('map "counters" was not given');
  });

  test("a missing bounds check is reported where it was written", () => {
    const source = { file: import.meta.filename, line: 1, column: 4 };
    const instructions = [asm.loadImm64(r3, 1n), asm.load(4, r2, r1, 0), asm.load(4, r0, r2, 30, source), asm.exit()];
    const error = caught(() => host.loadProgram(programSpec(instructions, { name: "nat" }), none));
    expect(error).toBeInstanceOf(VerifierError);
    // The 64-bit load takes two slots, so the third instruction is in slot 3.
    expect(error).toMatchObject({
      code: "YM_VERIFIER",
      errnoName: "EACCES",
      position: source,
      slot: 3,
      program: "nat",
    });
    const { message, log, reason } = error as VerifierError;
    expect(reason).toMatch(/^invalid access to packet, off=30 size=4/);
    expect(message).toMatch(/^loading program "nat": .*program\.kernel\.test\.ts:1:4: invalid access to packet/);
    expect(message).toContain("1 | // Programs in the kernel: loading");
    expect(message).toMatch(/\n +\| {4}\^\n/);
    expect(log).toContain("processed 3 insns");
  });

  test("a fault found before the walk names its instruction", () => {
    const source = { file: "gone.ts", line: 9, column: 2 };
    const instructions = [asm.mov64Imm(r0, 0), asm.exit(), asm.mov64Imm(r0, 1, source), asm.exit()];
    const error = caught(() => host.loadProgram(programSpec(instructions), none));
    expect(error).toMatchObject({ reason: "unreachable insn 2", position: source, slot: 2 });
    expect((error as Error).message).toContain("gone.ts:9:2: unreachable insn 2\n(EINVAL");
  });

  test("a long log is kept whole", () => {
    const steps = Array.from({ length: 20_000 }, () => asm.aluImm("add", 64, r0, 1));
    const instructions = [asm.mov64Imm(r0, 0), ...steps, asm.load(1, r0, fp, 8), asm.exit()];
    const error = caught(() => host.loadProgram(programSpec(instructions), none)) as VerifierError;
    expect(error.slot).toBe(20_001);
    expect(error.log.length).toBeGreaterThan(1 << 18);
    expect(error.log).toMatch(/^(func#0 @0\n)?0: /);
  });

  test("type information that the kernel refuses is an error of its own", () => {
    const btf = { blob: new Uint8Array(24), funcInfo: new Uint8Array(0), lineInfo: new Uint8Array(0) };
    const error = caught(() => host.loadProgram({ ...verdictSpec(XDP_PASS), btf }, none));
    expect(error).toMatchObject({ errnoName: "EINVAL", reason: expect.stringContaining("Invalid magic") });
  });
});
