// How the tests run: `unit` anywhere, `kernel` and `e2e` as root and one file after another, because they share the
// machine's kernel, `guest` so in a virtual machine (test/vm). Files are imported by Node itself (type stripping), not
// by Vite, so that the stack positions the DSL records are those of the .ts files, as they are in production.
import { defineConfig } from "vitest/config";
import { GUEST, leftOutOfGuest } from "./test/vm/left-out.ts";

// An emulated machine (test/vm) needs more time for the same work.
const timeScale = Number(process.env["YARDMASTER_TIME_SCALE"] ?? 1);
const leftOut = process.env[GUEST] === undefined ? [] : Object.keys(leftOutOfGuest);

// A process runs many files, and imports and compiles what they share once: both took a large part of the time, most of
// all where a processor is emulated. So no file may leave anything behind (kernel-setup.ts), and none can mock a module
// that others have imported: hence no nodeLoader, which is for that.
const shared = {
  pool: "forks",
  isolate: false,
  experimental: { viteModuleRunner: false, nodeLoader: false },
} as const;

export default defineConfig({
  test: {
    teardownTimeout: 10_000 * timeScale,
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: [
            "packages/*/src/**/*.test.ts",
            "packages/*/test/**/*.test.ts",
            "test/*.test.ts",
            "test/{oracle,tidy,vm}/**/*.test.ts",
            "scripts/**/*.test.ts",
          ],
          exclude: ["**/*.kernel.test.ts", "**/*.e2e.test.ts", "**/*.vm.test.ts", "**/node_modules/**"],
          setupFiles: ["test/property-seed.ts"],
          testTimeout: 120_000 * timeScale,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: "kernel",
          fileParallelism: false,
          include: [
            "packages/*/src/**/*.kernel.test.ts",
            "packages/*/test/**/*.kernel.test.ts",
            "test/*.kernel.test.ts",
            "test/oracle/*.kernel.test.ts",
          ],
          exclude: [...leftOut, "**/node_modules/**"],
          setupFiles: ["test/property-seed.ts", "test/kernel-setup.ts"],
          testTimeout: 120_000 * timeScale,
          hookTimeout: 60_000 * timeScale,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...shared,
          // What they share is in other processes.
          isolate: true,
          name: "e2e",
          fileParallelism: false,
          include: ["test/e2e/**/*.e2e.test.ts"],
          testTimeout: 300_000 * timeScale,
          hookTimeout: 120_000 * timeScale,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...shared,
          name: "guest",
          fileParallelism: false,
          include: ["test/vm/**/*.vm.test.ts"],
          testTimeout: 60_000 * timeScale,
          hookTimeout: 90_000 * timeScale,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
