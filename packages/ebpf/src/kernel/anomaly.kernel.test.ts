// Anomalies: every system call of a host's work fails once, in turn. Each time the error is one for people, and
// nothing stays open.

import {
  assertNothingOpen,
  BpfMapFlag,
  callCount,
  Errno,
  failNthCall,
  pageSize,
  SyscallError,
} from "@yardmaster/linux";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createKernelHost } from "./host.ts";
import {
  createVethNamespace,
  describeKernel,
  mapSpec,
  type VethNamespace,
  verdictSpec,
  XDP_PASS,
} from "../../test/kernel-test.ts";
import { RingBuffer } from "./ring-buffer.ts";
import { attachXdp } from "./xdp-link.ts";

const host = createKernelHost();
const packet = new Uint8Array(64);

function useMaps(): void {
  using map = host.createMap(mapSpec({ flags: BpfMapFlag.NO_PREALLOC }));
  map.update(1, 1);
  map.updateBatch([[2, 2]]);
  map.lookup(1);
  map.delete(1);
  expect([...map.entries()]).toEqual([[2, 2]]);
  using array = host.createMap(mapSpec({ type: "array", flags: BpfMapFlag.MMAPABLE }));
  using _memory = array.mmap();
  const inner = mapSpec({ type: "array", flags: BpfMapFlag.INNER_MAP });
  using outer = host.createMap(mapSpec({ type: "hash_of_maps", inner }));
  using content = host.createMap(inner);
  outer.updateInner(1, content);
  using events = host.createMap(mapSpec({ type: "ringbuf", maxEntries: pageSize() }));
  using _ring = new RingBuffer(events);
}

describeKernel("anomalies", () => {
  let namespace: VethNamespace | undefined;
  beforeAll(() => {
    namespace = createVethNamespace();
  });
  afterAll(() => namespace?.[Symbol.dispose]());
  afterEach(assertNothingOpen);

  function usePrograms(): void {
    namespace?.enter(() => {
      using program = host.loadProgram(verdictSpec(XDP_PASS), new Map());
      program.run({ packet });
      using next = host.loadProgram(verdictSpec(XDP_PASS, "next"), new Map());
      const interfaceIndex = namespace?.interfaceIndex ?? 0;
      using link = attachXdp({ program, interfaceIndex, mode: "native" });
      link.update(next);
      link.info();
    });
  }

  test.each([
    ["maps", useMaps],
    ["programs", usePrograms],
  ])("%s: whichever call fails, nothing stays open", (_name, work) => {
    const before = callCount();
    work();
    const calls = callCount() - before;
    expect(calls).toBeGreaterThan(5);
    for (let nth = 1; nth <= calls; nth += 1) {
      using fault = failNthCall(nth, Errno.EPERM);
      expect(work).toThrow(SyscallError);
      expect(fault.fired).toBe(true);
      assertNothingOpen();
    }
  });

  test("a refusal that cannot be repeated is said to be no fault of the program", () => {
    using _fault = failNthCall(1, Errno.ENOMEM);
    expect(() => host.loadProgram(verdictSpec(XDP_PASS), new Map())).toThrow(/ENOMEM.*load it again/);
  });

  test("an interrupted load is begun again, a few times only", () => {
    using fault = failNthCall(1, Errno.EAGAIN);
    using _program = host.loadProgram(verdictSpec(XDP_PASS), new Map());
    expect(fault.fired).toBe(true);
  });
});
