// Programs on interfaces follow one another, at XDP and at tc, by links and (before Linux 6.6) by filters: in the place
// of those that a process before left, with everything put back where that fails.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { arrayMap, bytes, compile, struct, tc, u32, verdict, xdp } from "@yardmaster/ebpf";
import { createKernelHost, findTcProgram, type KernelProgram, pin } from "@yardmaster/ebpf/kernel";
import { assertNothingOpen, findLink, type Link } from "@yardmaster/linux";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Attachments } from "../src/kernel/attachments.ts";
import type { Hook } from "../src/model/configuration.ts";
import { directoryOf, takeInstance } from "../src/succession/instance.ts";
import { createDirectorNetwork, type DirectorNetwork } from "./director-network.ts";
import { describeKernel } from "./kernel-test.ts";

const NAME = `test-attach-${process.pid}`;
const XDP_PASS = 2;
const TC_ACT_OK = 0;

/** Programs of one director. */
class Programs implements Disposable {
  readonly #all: Readonly<Record<"xdp" | "tc", KernelProgram>>;

  constructor() {
    const load = (spec: ReturnType<typeof compile>) => createKernelHost().loadProgram(spec, new Map());
    this.#all = {
      xdp: load(compile(xdp("yardmaster", () => verdict(u32(XDP_PASS))))),
      tc: load(compile(tc("yardmaster", () => verdict(u32(TC_ACT_OK))))),
    };
  }

  programFor(hook: "xdp" | "tc"): KernelProgram {
    return this.#all[hook];
  }

  [Symbol.dispose](): void {
    for (const program of Object.values(this.#all)) program[Symbol.dispose]();
  }
}

describeKernel("programs on the interfaces of an instance", () => {
  let network: DirectorNetwork;
  beforeAll(() => {
    network = createDirectorNetwork();
  });
  afterAll(() => network[Symbol.dispose]());
  afterEach(() => {
    network.enter(() => {
      {
        using instance = takeInstance(NAME);
        using left = new Attachments(instance.directory, () => undefined);
        left.detach();
      }
      rmSync(directoryOf(NAME), { recursive: true, force: true });
    });
    expect(network.interfacesWithPrograms()).toEqual([]);
    assertNothingOpen();
  });

  const link = (name: string): Link => findLink(name) ?? expect.fail(`there is no ${name}`);
  /** Ids of the programs there: at XDP, and at tc. */
  const seen = (name: string) => {
    const { xdp: atXdp, index } = link(name);
    return { xdp: atXdp?.programId, tc: findTcProgram(index, "yardmaster") };
  };
  /** What a process does that then ends without a word. */
  const act = <T>(run: (attachments: Attachments, programs: Programs) => T): T =>
    network.enter(() => {
      using instance = takeInstance(NAME);
      using programs = new Programs();
      using attachments = new Attachments(instance.directory, () => undefined);
      return run(attachments, programs);
    });
  const putAndGo = (names: readonly string[], hook: Hook): Readonly<Record<"xdp" | "tc", number>> =>
    act((attachments, programs) => {
      attachments.put(programs, names.map(link), hook).settle();
      return { xdp: programs.programFor("xdp").id, tc: programs.programFor("tc").id };
    });

  test.each(["tc", "xdp-generic"] as const)("%s: they stay, and are exchanged for a successor's", (hook) => {
    const at = hook === "tc" ? "tc" : "xdp";
    const first = putAndGo(["front", "back"], hook);
    network.enter(() => expect(seen("back")).toEqual({ xdp: undefined, tc: undefined, [at]: first[at] }));
    const second = putAndGo(["front", "back"], hook);
    expect(second[at]).not.toBe(first[at]);
    network.enter(() => expect(seen("back")).toEqual({ xdp: undefined, tc: undefined, [at]: second[at] }));
  });

  test.each(["tc", "xdp-generic"] as const)(
    "%s: an interface is one instance's, also when its director is gone",
    (hook) => {
      const first = putAndGo(["front"], hook);
      const at = hook === "tc" ? "tc" : "xdp";
      network.enter(() => {
        using instance = takeInstance(`${NAME}-b`);
        using programs = new Programs();
        for (const [directory, other] of [
          [instance.directory, hook],
          [undefined, "tc"],
        ] as const) {
          using attachments = new Attachments(directory, () => undefined);
          const code = expect.objectContaining({ code: "YM_INSTANCE_INTERFACE", message: expect.stringMatching(NAME) });
          expect(() => attachments.put(programs, ["back", "front"].map(link), other)).toThrow(code);
        }
        expect(seen("front")[at]).toBe(first[at]);
        expect(seen("back")).toEqual({ xdp: undefined, tc: undefined });
        using attachments = new Attachments(instance.directory, () => undefined);
        attachments.put(programs, [link("back")], hook).settle();
        attachments.detach();
        rmSync(instance.directory, { recursive: true });
      });
    },
  );

  test.each([
    ["tc", "tc"],
    ["tc", "xdp-generic"],
    ["xdp-generic", "tc"],
  ] as const)("%s, and then %s that comes to nothing: the former ones are back", (before, after) => {
    const first = putAndGo(["front"], before);
    act((attachments, programs) => attachments.put(programs, [link("front")], after).undo());
    const at = before === "tc" ? "tc" : "xdp";
    network.enter(() => expect(seen("front")).toEqual({ xdp: undefined, tc: undefined, [at]: first[at] }));
    // And known: a successor exchanges them.
    const next = putAndGo(["front"], before);
    network.enter(() => expect(seen("front")[at]).toBe(next[at]));
  });

  test.each([
    ["tc", "xdp-generic"],
    ["xdp-generic", "auto"],
    ["xdp", "tc"],
  ] as const)("from %s to %s: both are there until it is settled", (before, after) => {
    putAndGo(["front"], before);
    act((attachments, programs) => {
      const change = attachments.put(programs, [link("front")], after);
      const { xdp: atXdp, tc: atTc } = seen("front");
      expect(atXdp === undefined || atTc === undefined).toBe(false);
      change.settle();
      const at = after === "xdp-generic" ? "xdp" : "tc";
      expect(seen("front")).toEqual({ xdp: undefined, tc: undefined, [at]: programs.programFor(at).id });
    });
  });

  test.each([
    ["xdp", "xdp-generic"],
    ["xdp-generic", "xdp"],
  ] as const)("from %s to %s: the program is at tc while there is none at XDP", (before, after) => {
    putAndGo(["front"], before);
    act((attachments, programs) => {
      const between: (ReturnType<typeof seen> | undefined)[] = [];
      const watched = {
        programFor: (hook: "xdp" | "tc") => {
          if (hook === "xdp") between.push(seen("front"));
          return programs.programFor(hook);
        },
      };
      attachments.put(watched, [link("front")], after).settle();
      expect(between).toEqual([{ xdp: undefined, tc: programs.programFor("tc").id }]);
      expect(seen("front")).toEqual({ xdp: programs.programFor("xdp").id, tc: undefined });
    });
  });

  test.each([
    ["xdp", "xdp-generic"],
    ["xdp-generic", "xdp"],
  ] as const)("from %s to %s where the second interface refuses: the former ones are on both", (before, after) => {
    const first = putAndGo(["front", "back"], before);
    const former = { xdp: first.xdp, tc: undefined };
    const modeOf = (name: string) => link(name).xdp?.mode;
    act((attachments, programs) => {
      const modes = [modeOf("front"), modeOf("back")];
      for (const nth of [1, 2]) {
        let asked = 0;
        const failing = {
          programFor: (hook: "xdp" | "tc") => {
            if (hook === "xdp" && ++asked === nth) throw new Error("no such luck");
            return programs.programFor(hook);
          },
        };
        expect(() => attachments.put(failing, [link("front"), link("back")], after)).toThrow("no such luck");
        expect([seen("front"), seen("back")]).toEqual([former, former]);
        expect([modeOf("front"), modeOf("back")]).toEqual(modes);
      }
    });
    // And known: a successor exchanges them.
    const next = putAndGo(["front", "back"], before);
    network.enter(() => expect([seen("front").xdp, seen("back").xdp]).toEqual([next.xdp, next.xdp]));
  });

  test("of one process, too, the former ones are back where the second interface refuses", () => {
    act((attachments, programs) => {
      attachments.put(programs, [link("front"), link("back")], "xdp").settle();
      using others = new Programs();
      let asked = 0;
      const failing = {
        programFor: (hook: "xdp" | "tc") => {
          if (hook === "xdp" && ++asked === 2) throw new Error("no such luck");
          return others.programFor(hook);
        },
      };
      expect(() => attachments.put(failing, [link("front"), link("back")], "xdp-generic")).toThrow("no such luck");
      expect(attachments.all.map(({ link: { name }, mode }) => [name, mode])).toEqual([
        ["front", "native"],
        ["back", "native"],
      ]);
      attachments.put(others, [link("front"), link("back")], "xdp").settle();
      const atXdp = { xdp: others.programFor("xdp").id, tc: undefined };
      expect([seen("front"), seen("back")]).toEqual([atXdp, atXdp]);
    });
  });

  test.each(["map", "folder"] as const)("a %s where a link is pinned is refused, and goes when all goes", (what) => {
    act((attachments, programs) => {
      const path = join(directoryOf(NAME), "links", "front");
      using map = createKernelHost().createMap(arrayMap("other", struct("other", { text: bytes(8) }), 1).spec);
      if (what === "folder") mkdirSync(path);
      else pin(map, path);
      expect(() => attachments.put(programs, [link("front")], "xdp")).toThrow(
        expect.objectContaining({ code: "YM_SUCCESSION_STATE", message: expect.stringContaining("front") }),
      );
      expect(seen("front")).toEqual({ xdp: undefined, tc: undefined });
      attachments.detach();
      expect(readdirSync(join(directoryOf(NAME), "links"))).toEqual([]);
    });
  });

  test("of one process, too: another hook, and the first again", () => {
    act((attachments, programs) => {
      for (const hook of ["tc", "xdp-generic", "xdp", "tc"] as const) {
        attachments.put(programs, [link("front")], hook).settle();
        const at = hook === "tc" ? "tc" : "xdp";
        expect(seen("front")).toEqual({ xdp: undefined, tc: undefined, [at]: programs.programFor(at).id });
      }
    });
  });

  test("an interface that is not wanted any more is swept", () => {
    putAndGo(["front", "back"], "tc");
    putAndGo(["back"], "tc");
    expect(network.interfacesWithPrograms()).toEqual(["back"]);
    network.enter(() => expect(readdirSync(join(directoryOf(NAME), "links"))).toEqual(["back"]));
  });
});
