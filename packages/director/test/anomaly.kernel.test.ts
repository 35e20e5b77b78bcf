// Every system call of bringing a director up fails once: each time nothing stays open, attached or pinned, and
// the error says what could not be done. Of reading from it and of taking it down the same holds.

import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { assertNothingOpen, callCount, Errno, failNthCall, isBpfFileSystem, SyscallError } from "@yardmaster/linux";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Director } from "../src/director.ts";
import { bothMethods, createDirectorNetwork, type DirectorNetwork } from "./director-network.ts";
import type { FirstStart } from "./first-start.ts";
import { describeKernel } from "./kernel-test.ts";

const run = promisify(execFile);
const firstStart = resolve(import.meta.dirname, "first-start.ts");
/** More calls than a start makes: then something is asked in a loop. */
const MOST_CALLS = 500;
/** Every so many calls one fails: each, but on an emulated processor, where a start takes seconds. At most 5. */
const STEP = Number(process.env["YARDMASTER_ANOMALY_STEP"] ?? 1);
/** A start compiles the programs; there are a hundred. */
const LONG_MS = 1_800_000;
const BPF_FILE_SYSTEM = "/sys/fs/bpf";
/** "doing what: what went wrong (ENAME from call)". */
const USABLE = /^[a-z][^:]* ?[^:]*: .+ \(E[A-Z]+ from .+\)/;

/** What is ours there; others pin, too. */
function pinned(): readonly string[] {
  if (!isBpfFileSystem(BPF_FILE_SYSTEM)) return [];
  return readdirSync(BPF_FILE_SYSTEM).filter((name) => name.startsWith("yardmaster"));
}

describeKernel("whichever call fails", () => {
  let network: DirectorNetwork;
  let pinnedBefore: readonly string[];
  let reports: string[] = [];
  beforeAll(() => {
    network = createDirectorNetwork();
    pinnedBefore = pinned();
  });
  afterAll(() => network[Symbol.dispose]());
  afterEach(() => {
    assertNothingOpen();
    expect(network.interfacesWithPrograms()).toEqual([]);
    expect(pinned()).toEqual(pinnedBefore);
  });

  const bringUp = (): Director =>
    new Director({
      configuration: bothMethods,
      fileName: "y.yaml",
      version: "0",
      report: (line) => reports.push(line),
    });

  async function startFirst(nth: number, errno: number): Promise<FirstStart> {
    const command = ["netns", "exec", network.name, process.execPath, firstStart, `${nth}`, `${errno}`];
    const { stdout } = await run("ip", command);
    return JSON.parse(stdout) as FirstStart;
  }

  /** First starts whose features are asked for: up to the first call behind that. */
  async function firstStarts(errno: number): Promise<FirstStart[]> {
    const starts: FirstStart[] = [];
    // Listing interfaces, which is next, takes five calls: no step leaps over it.
    for (let nth = 1; nth <= MOST_CALLS; nth += STEP) {
      const start = await startFirst(nth, errno);
      expect(start).toMatchObject({ fired: true, open: [], attached: [] });
      if (start.error?.message.startsWith("listing interfaces: ") === true) return starts;
      starts.push(start);
    }
    throw new Error("the questions about features do not end");
  }

  test("the first start in a process, which asks what the kernel can do", { timeout: LONG_MS }, async () => {
    const starts = await firstStarts(Errno.EPERM);
    expect(starts.length).toBeGreaterThan(15 / STEP);
    for (const { error, missingAfterwards } of starts) {
      // Not having been allowed to ask is no answer: it is not remembered as one.
      expect(missingAfterwards).toEqual([]);
      if (error === undefined) continue;
      expect(error).toMatchObject({ name: "SyscallError", code: "YM_SYSCALL" });
      expect(error.message).toMatch(USABLE);
    }
    expect(starts.filter(({ error }) => error === undefined).length).toBeLessThanOrEqual(1);
  });

  test("a kernel that lacks something is told its name and the version that has it", { timeout: LONG_MS }, async () => {
    const starts = await firstStarts(Errno.EINVAL);
    for (const { error } of starts) {
      expect(error?.name ?? "SyscallError").toMatch(/^(SyscallError|UnsupportedFeatureError)$/);
    }
    const lacking = starts.filter(({ error }) => error?.name === "UnsupportedFeatureError");
    for (const { error, feature, minimumVersion, missingAfterwards } of lacking) {
      expect(error?.code).toBe("YM_UNSUPPORTED_FEATURE");
      expect(error?.message).toMatch(
        /^using .+: this kernel \(.+\) does not have it; use one of Linux \d+\.\d+ or later/,
      );
      expect(error?.message).toContain(`using ${feature}: `);
      expect(error?.message).toContain(`Linux ${minimumVersion} or later`);
      expect(missingAfterwards).toEqual([feature]);
    }
    expect(lacking.length).toBeGreaterThan(0);
    if (STEP > 1) return;
    const names = new Set(lacking.map(({ feature, minimumVersion }) => `${feature}, Linux ${minimumVersion}`));
    expect([...names]).toEqual(
      expect.arrayContaining([
        "XDP links, Linux 5.9",
        "batch operations on maps, Linux 5.13",
        "inner maps of different sizes (BPF_F_INNER_MAP), Linux 5.10",
        "type and line information of programs (BTF), Linux 5.0",
        "atomic operations with a result, Linux 5.12",
      ]),
    );
  });

  test("a start: nothing stays behind, and the error says what it was", { timeout: LONG_MS }, () => {
    const failures: string[] = [];
    // Features are asked for once: what comes of that is shown above.
    network.enter(() => bringUp()[Symbol.dispose]());
    for (let nth = 1; ; nth += STEP) {
      expect(nth).toBeLessThan(MOST_CALLS);
      reports = [];
      const outcome = network.enter(() => {
        using fault = failNthCall(nth, Errno.EPERM);
        try {
          using _director = bringUp();
          return { fired: fault.fired, error: undefined };
        } catch (error) {
          return { fired: fault.fired, error };
        }
      });
      assertNothingOpen();
      expect(network.interfacesWithPrograms()).toEqual([]);
      expect(pinned()).toEqual(pinnedBefore);
      if (!outcome.fired) break;
      if (outcome.error === undefined) {
        // Ways to servers and to clients are asked for ahead of time: reported, and no reason not to start.
        const asked = /^(asking the way to|resolving neighbour) (10\.0\.0\.1[12]|192\.88\.99\.1|2002::1): .*EPERM/m;
        expect(reports.join("\n")).toMatch(asked);
        continue;
      }
      expect(outcome.error).toBeInstanceOf(SyscallError);
      expect(outcome.error).toMatchObject({
        code: "YM_SYSCALL",
        errnoName: "EPERM",
        message: expect.stringMatching(USABLE),
      });
      failures.push((outcome.error as Error).message.split(": ", 1)[0] ?? "");
    }
    expect(failures.length).toBeGreaterThan(50 / STEP);
    if (STEP > 1) return;
    expect(failures).toEqual(
      expect.arrayContaining([
        "listing interfaces",
        "listing addresses",
        'loading program "clock"',
        'creating map "connections4"',
        'updating map "service_index4"',
        'loading program "yardmaster"',
        'loading program "reaper"',
        'attaching program "yardmaster" to interface "front" (tc)',
        'attaching program "yardmaster" to interface "back" (tc)',
      ]),
    );
  });

  test("a look at it: the error is told, and it goes on", () => {
    network.enter(() => {
      using director = bringUp();
      for (const look of [() => director.status(), () => director.connections(10)]) {
        look();
        const before = callCount();
        look();
        const calls = callCount() - before;
        expect(calls).toBeGreaterThan(0);
        for (let nth = 1; nth <= calls; nth += 1) {
          using fault = failNthCall(nth, Errno.ENOMEM);
          expect(look).toThrow(SyscallError);
          expect(fault.fired).toBe(true);
        }
        look();
      }
      expect(network.interfacesWithPrograms()).toEqual(["front", "back"]);
    });
  });

  test("detaching: the error is told, and everything goes all the same", () => {
    network.enter(() => {
      const director = bringUp();
      for (const attachment of director.attachments) {
        attachment.detach = () => {
          throw new SyscallError({ doing: "detaching", command: "bpf(BPF_LINK_DETACH)", errno: Errno.EINVAL });
        };
      }
      expect(() => director[Symbol.dispose]()).toThrow();
    });
  });
});
