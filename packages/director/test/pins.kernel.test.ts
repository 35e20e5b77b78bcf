// What outlives a director: maps by their pins, one process at a time at them, and nothing that makes no sense taken
// over.
import { mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { arrayMap, bytes, type MapSpec, struct } from "@yardmaster/ebpf";
import {
  createKernelHost,
  createKernelMap,
  type KernelMap,
  type KernelProgram,
  pin,
  readPinnedBytes,
} from "@yardmaster/ebpf/kernel";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { directoryOf, takeInstance } from "../src/succession/instance.ts";
import { dropFormerGenerations, forgetCurrent, openPinned, pinGeneration } from "../src/succession/pins.ts";
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

  test("what is cut short in taking it down leaves nothing to take over, and no obstacle", () => {
    using instance = takeInstance(NAME);
    using bench = new LiveBench(createKernelHost(), {}, { services: [web] });
    pinGeneration(instance.directory, bench.dataplane.made, "1.0.0").makeCurrent();
    forgetCurrent(instance.directory);
    expect(openPinned(instance.directory)).toBeUndefined();
    pinGeneration(instance.directory, bench.dataplane.made, "1.0.1").makeCurrent();
    dropFormerGenerations(instance.directory);
    expect(readdirSync(instance.directory).toSorted()).toEqual(["current", "generation-2"]);
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

  describe("what makes no sense is refused whole, and stays as it is", () => {
    let bench: LiveBench;
    let clientPort = 1000;
    beforeAll(() => (bench = new LiveBench(createKernelHost(), {}, { services: [web] })));
    afterAll(() => bench[Symbol.dispose]());

    const Flow = struct("flow", { text: bytes(16) });
    const Word = struct("word", { text: bytes(4) });
    const Longer = struct("longer", { text: bytes(64) });
    type Break = (folder: string) => void;
    /** Puts another map in the place of one. */
    const instead = (name: string, make: () => KernelMap): Break => {
      return (folder) => {
        rmSync(join(folder, name));
        using other = make();
        pin(other, join(folder, name));
      };
    };
    const sameBut = (name: string, changes: Partial<MapSpec>): Break =>
      instead(name, () => {
        const spec = bench.dataplane.made.byName.get(name)?.spec as MapSpec;
        return createKernelMap({ ...spec, ...changes }) as KernelMap;
      });
    const redescribed = (change: (text: string) => string): Break => {
      return (folder) => {
        const text = new TextDecoder().decode(readPinnedBytes(join(folder, "description"), 1 << 20));
        rmSync(join(folder, "description"));
        pinText(folder, change(text));
      };
    };
    test.each<[string, Break, string]>([
      ["a map of another kind", instead("connections4", () => mapOf(arrayMap("other", Flow, 1).spec)), "connections4"],
      ["a map of another size", sameBut("connections4", { maxEntries: 2048 }), "maxEntries is 2048, expected 1024"],
      ["shorter keys", sameBut("connections4", { key: Word as never }), "keySize is 4, expected 16"],
      ["longer values", sameBut("connections4", { value: Longer as never }), "valueSize is 64"],
      ["other flags", sameBut("connections4", { flags: 1 }), "flags is 1, expected 0"],
      ["a missing map", (folder) => rmSync(join(folder, "loads")), 'the map "loads" is missing'],
      ["a program for a map", program("loads"), 'the map "loads" is not as described'],
      ["a folder for a map", folderFor("loads"), 'the map "loads" is not as described'],
      ["no description", (folder) => rmSync(join(folder, "description")), "there is no description"],
      ["a program for a description", program("description"), "its description cannot be read"],
      ["a folder for a description", folderFor("description"), "its description cannot be read"],
      ["a huge description", redescribed((text) => text.padEnd(5 << 20)), "its description cannot be read"],
      ["half a description", redescribed((text) => text.slice(0, 1000)), "it is no JSON text"],
      ["a newer format", redescribed((text) => text.replace('"format":1', '"format":2')), "it has format 2"],
      ["larger tables told", redescribed((text) => text.replaceAll(":1024", ":4096")), "is not as described"],
      ["a map that is not there", redescribed((text) => text.replace('"loads"', '"lode"')), "not all of these maps"],
      [
        "nothing where it leads",
        (folder) => rmSync(join(folder, "..", "generation-1"), { recursive: true }),
        "no descr",
      ],
    ])("%s", (_, breaks, why) => {
      using instance = takeInstance(NAME);
      pinGeneration(instance.directory, bench.dataplane.made, "1.0.0").makeCurrent();
      breaks(join(instance.directory, "current"));
      const pinned = () => readdirSync(instance.directory, { recursive: true, encoding: "utf8" }).toSorted();
      const before = pinned();
      expect(() => openPinned(instance.directory)).toThrow(
        expect.objectContaining({ code: "YM_SUCCESSION_STATE", hint: expect.stringContaining("yardmaster down") }),
      );
      expect(reasonsOf(() => openPinned(instance.directory))).toContain(why);
      expect(pinned()).toEqual(before);
      expect(["10.0.0.1:80", "10.0.0.2:80"]).toContain(bench.open({ port: ++clientPort }));
    });

    function mapOf(spec: MapSpec): KernelMap {
      return createKernelMap(spec) as KernelMap;
    }
    function program(name: string): Break {
      return (folder) => {
        rmSync(join(folder, name));
        pin(bench.dataplane.reaper as KernelProgram, join(folder, name));
      };
    }
    function folderFor(name: string): Break {
      return (folder) => {
        rmSync(join(folder, name));
        mkdirSync(join(folder, name));
      };
    }
  });
});

/** What an error says, and what caused it. */
function reasonsOf(act: () => unknown): string {
  try {
    act();
    return "";
  } catch (error) {
    const said: string[] = [];
    for (let one: unknown = error; one instanceof Error; one = one.cause) said.push(one.message);
    return said.join(": ");
  }
}
