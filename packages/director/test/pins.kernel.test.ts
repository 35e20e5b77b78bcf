// What outlives a director: maps by their pins, one process at a time at them, and nothing that makes no sense taken
// over.
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { arrayMap, bytes, struct } from "@yardmaster/ebpf";
import { createKernelHost, createKernelMap, type KernelMap, pin } from "@yardmaster/ebpf/kernel";
import { afterEach, expect, test } from "vitest";
import { directoryOf, takeInstance } from "../src/succession/instance.ts";
import { dropFormerGenerations, openPinned, pinGeneration } from "../src/succession/pins.ts";
import { describeKernel } from "./kernel-test.ts";
import { LiveBench } from "./live/bench.ts";
import { server } from "./live/operations.ts";
import { service } from "./sample.ts";

const NAME = `test-${process.pid}`;
const web = service({ forwarding: "dr", servers: [server(1), server(2)] });

/** A description that was never written by a director. */
function pinText(folder: string, text: string): void {
  const content = new TextEncoder().encode(text);
  const Text = struct("description", { text: bytes(content.length) });
  using map = createKernelMap(arrayMap("description", Text, 1).spec);
  map.update(0, { text: content });
  pin(map as KernelMap, join(folder, "description"));
}

describeKernel("pins of an instance", () => {
  afterEach(() => rmSync(directoryOf(NAME), { recursive: true, force: true }));

  test("one process at a time has it", () => {
    {
      using _first = takeInstance(NAME);
      expect(() => takeInstance(NAME)).toThrow(expect.objectContaining({ code: "YM_INSTANCE_BUSY" }));
    }
    using again = takeInstance(NAME);
    expect(again.directory).toBe(directoryOf(NAME));
  });

  test.each(["", "Web", "../x", "a b", "x".repeat(33)])("%j is no name of one", (name) => {
    expect(() => takeInstance(name)).toThrow(expect.objectContaining({ code: "YM_INSTANCE_NAME" }));
  });

  test("connections outlive the data plane that made them", () => {
    using instance = takeInstance(NAME);
    const host = createKernelHost();
    expect(openPinned(instance.directory)).toBeUndefined();
    {
      using first = new LiveBench(host, {}, { services: [web] });
      expect(first.open({ port: 1 })).toBe("10.0.0.1:80");
      pinGeneration(instance.directory, first.dataplane.made, "1.0.0").makeCurrent();
    }
    {
      using former = openPinned(instance.directory);
      if (former === undefined) expect.fail("there is something to take over");
      expect(former.version).toBe("1.0.0");
      using second = new LiveBench(host, {}, { services: [web], former });
      second.dataplane.completeSuccession();
      pinGeneration(instance.directory, second.dataplane.made, "1.0.1").makeCurrent();
      dropFormerGenerations(instance.directory);
      expect(second.send({ port: 1 }, "A")).toBe("10.0.0.1:80");
    }
    using former = openPinned(instance.directory);
    expect(former?.version).toBe("1.0.1");
    expect(former?.maps.get("connections4")?.map.spec.maxEntries).toBe(1024);
  });

  test("a generation that did not become the current one leaves nothing behind", () => {
    using instance = takeInstance(NAME);
    using bench = new LiveBench(createKernelHost(), {}, { services: [web] });
    pinGeneration(instance.directory, bench.dataplane.made, "1.0.0").discard();
    expect(openPinned(instance.directory)).toBeUndefined();
    pinGeneration(instance.directory, bench.dataplane.made, "1.0.0");
    dropFormerGenerations(instance.directory);
    expect(openPinned(instance.directory)).toBeUndefined();
  });

  const description = { format: 1, version: "9.9.9", reasons: [], maps: [] };
  const wrongLayout = { name: "loads", type: "array", maxEntries: 1, flags: 0, key: {}, value: { kind: "odd" } };
  test.each<[string, string | undefined]>([
    ["nothing", undefined],
    ["no JSON", '{"format": 1, "ver'],
    ["a newer format", JSON.stringify({ ...description, format: 2 })],
    ["a layout of another kind", JSON.stringify({ ...description, maps: [wrongLayout] })],
    ["a name that leads elsewhere", JSON.stringify({ ...description, maps: [{ ...wrongLayout, name: "../x" }] })],
  ])("a description that is %s is refused", (_, text) => {
    using instance = takeInstance(NAME);
    const folder = join(instance.directory, "generation-1");
    mkdirSync(folder);
    if (text !== undefined) pinText(folder, text);
    symlinkSync("generation-1", join(instance.directory, "current"));
    expect(() => openPinned(instance.directory)).toThrow(expect.objectContaining({ code: "YM_SUCCESSION_STATE" }));
  });

  test("maps that are not as described are refused", () => {
    using instance = takeInstance(NAME);
    using bench = new LiveBench(createKernelHost(), {}, { services: [web] });
    pinGeneration(instance.directory, bench.dataplane.made, "1.0.0").makeCurrent();
    const path = join(instance.directory, "current", "connections4");
    rmSync(path);
    using other = createKernelMap(arrayMap("other", struct("other", { text: bytes(8) }), 1).spec);
    pin(other as KernelMap, path);
    expect(() => openPinned(instance.directory)).toThrow(
      expect.objectContaining({ code: "YM_SUCCESSION_STATE", message: expect.stringContaining("connections4") }),
    );
  });
});
