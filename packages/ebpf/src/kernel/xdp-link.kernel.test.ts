// XDP links on a veth of a namespace that the test made: attached, replaced, taken, refused.

import { assertNothingOpen, findLink, SyscallError } from "@yardmaster/linux";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  createVethNamespace,
  describeKernel,
  type VethNamespace,
  verdictSpec,
  XDP_PASS,
  XDP_TX,
} from "../../test/kernel-test.ts";
import { loadKernelProgram } from "./program.ts";
import { attachXdp, findXdpOccupant, XdpAttachError, type XdpAttachMode } from "./xdp-link.ts";

const LOOPBACK = 1;
const load = (name: string, verdict = XDP_PASS) => loadKernelProgram(verdictSpec(verdict, name), new Map());

describeKernel("XDP links", () => {
  let namespace: VethNamespace | undefined;
  beforeAll(() => {
    namespace = createVethNamespace();
  });
  afterAll(() => namespace?.[Symbol.dispose]());
  afterEach(assertNothingOpen);
  const inside = <T>(run: (interfaceIndex: number) => T): T => {
    if (namespace === undefined) throw new Error("the namespace was not made");
    const { interfaceIndex } = namespace;
    return namespace.enter(() => run(interfaceIndex));
  };

  test.each<XdpAttachMode>(["native", "generic"])("%s: attached, seen, replaced, gone", (mode) => {
    inside((interfaceIndex) => {
      using first = load("first");
      using second = load("second", XDP_TX);
      {
        using link = attachXdp({ program: first, interfaceIndex, mode });
        expect(link.info()).toMatchObject({ programId: first.id, interfaceIndex });
        expect(findXdpOccupant(interfaceIndex)).toEqual({ programId: first.id, programName: "first", mode });
        link.update(second, first);
        expect(link.info().programId).toBe(second.id);
        expect(() => link.update(first, first)).toThrow(SyscallError);
        expect(findLink("veth0")?.xdp).toEqual({ mode, programId: second.id });
      }
      expect(findXdpOccupant(interfaceIndex)).toBeUndefined();
    });
  });

  test("an interface that is taken: the error names who is there, and how", () => {
    inside((interfaceIndex) => {
      using first = load("first");
      using second = load("second");
      using _link = attachXdp({ program: first, interfaceIndex, mode: "native" });
      for (const mode of ["native", "generic"] as const) {
        let error: unknown;
        try {
          attachXdp({ program: second, interfaceIndex, mode });
        } catch (thrown) {
          error = thrown;
        }
        expect(error).toBeInstanceOf(XdpAttachError);
        expect(error).toMatchObject({
          code: "YM_XDP_BUSY",
          occupant: { programId: first.id, programName: "first", mode: "native" },
        });
        expect((error as Error).message).toMatch(
          /^attaching program "second" to interface "veth0" \(.*\): program "first" \(id \d+, native XDP\) is there/,
        );
      }
    });
  });

  test("a driver without native XDP is told apart", () => {
    inside(() => {
      using program = load("test");
      const attach = () => attachXdp({ program, interfaceIndex: LOOPBACK, mode: "native" });
      expect(attach).toThrow(expect.objectContaining({ code: "YM_XDP_UNSUPPORTED" }));
      expect(attach).toThrow(/the driver has no native XDP.*use generic XDP/);
    });
  });

  test("an interface that is not there", () => {
    using program = load("test");
    const attach = () => attachXdp({ program, interfaceIndex: 0x7fff_fff0, mode: "native" });
    expect(attach).toThrow(/to interface 2147483632 .*no such interface/);
  });

  test("detaching frees the interface while the link is still open", () => {
    inside((interfaceIndex) => {
      using program = load("test");
      using link = attachXdp({ program, interfaceIndex, mode: "generic" });
      link.detach();
      expect(link.info().interfaceIndex).toBe(0);
      using _other = attachXdp({ program, interfaceIndex, mode: "native" });
    });
  });
});
