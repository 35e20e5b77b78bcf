// Programs at tc on a veth of a namespace that the test made: attached either way, replaced, taken off, and what a
// process that was killed left behind.

import { addClsact, assertNothingOpen, listFilters, setFilter } from "@yardmaster/linux";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { mov64Imm, exit, r0 } from "../asm/index.ts";
import { createVethNamespace, describeKernel, programSpec, type VethNamespace } from "../../test/kernel-test.ts";
import { features } from "./features.ts";
import { loadKernelProgram } from "./program.ts";
import { attachTc, findLeftFilter } from "./tc-link.ts";

const load = (name: string) =>
  loadKernelProgram(programSpec([mov64Imm(r0, -1), exit()], { name, type: "sched_cls" }), new Map());

describeKernel("programs at tc", () => {
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

  test("a link: attached, replaced, taken off", (context) => {
    if (!features.tcxLink.isSupported()) context.skip("links at tc need Linux 6.6");
    inside((interfaceIndex) => {
      using first = load("first");
      using second = load("second");
      using attachment = attachTc({ program: first, interfaceIndex });
      expect(attachment.mode).toBe("tcx");
      expect(attachment.link?.info()).toMatchObject({ programId: first.id, interfaceIndex });
      attachment.update(second);
      expect(attachment.link?.info().programId).toBe(second.id);
      attachment.detach();
      expect(attachment.link?.info().interfaceIndex).toBe(0);
      expect(listFilters(interfaceIndex)).toEqual([]);
    });
  });

  test("a filter: attached, replaced, taken off with the qdisc that was made for it", () => {
    inside((interfaceIndex) => {
      using first = load("first");
      using second = load("second");
      using attachment = attachTc({ program: first, interfaceIndex, mode: "filter" });
      const seen = () => listFilters(interfaceIndex).map(({ kind, name, programId }) => ({ kind, name, programId }));
      expect(seen()).toEqual([{ kind: "bpf", name: "yardmaster", programId: first.id }]);
      attachment.update(second);
      expect(seen()).toEqual([{ kind: "bpf", name: "yardmaster", programId: second.id }]);
      attachment.detach();
      expect(seen()).toEqual([]);
      // The qdisc is gone, too: it can be made.
      expect(addClsact(interfaceIndex)).toBe(true);
    });
  });

  test("the filters of others, and a qdisc that was there, stay", () => {
    inside((interfaceIndex) => {
      using other = load("other");
      using ours = load("ours");
      addClsact(interfaceIndex);
      setFilter({ interfaceIndex, priority: 4711, handle: 1 }, "somebody's", other.fd);
      using attachment = attachTc({ program: ours, interfaceIndex, mode: "filter" });
      expect(listFilters(interfaceIndex).map(({ name, priority }) => [name, priority])).toEqual([
        ["somebody's", 4711],
        ["yardmaster", 4712],
      ]);
      attachment.detach();
      expect(listFilters(interfaceIndex).map(({ name }) => name)).toEqual(["somebody's"]);
      expect(addClsact(interfaceIndex)).toBe(false);
    });
  });

  test("a filter that a killed process left is replaced, by a filter or by a link", () => {
    inside((interfaceIndex) => {
      using killed = load("killed");
      using next = load("next");
      attachTc({ program: killed, interfaceIndex, mode: "filter" })[Symbol.dispose]();
      expect(findLeftFilter(interfaceIndex)?.programId).toBe(killed.id);
      attachTc({ program: next, interfaceIndex, mode: "filter" })[Symbol.dispose]();
      expect(findLeftFilter(interfaceIndex)?.programId).toBe(next.id);
      using attachment = attachTc({ program: next, interfaceIndex });
      expect(findLeftFilter(interfaceIndex) === undefined).toBe(attachment.mode === "tcx");
      attachment.detach();
      expect(findLeftFilter(interfaceIndex)).toBeUndefined();
    });
  });
});
