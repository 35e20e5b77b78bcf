// Has Node compile what the guest will import, outside and at full speed, into the folder that guest and machine share
// (NODE_COMPILE_CACHE): imports took a quarter of the guest's time. A process of its own, because Node writes at its
// end: `node test/vm/compile-ahead.ts`. Only speed depends on it; Node compares sources, V8 its version and flags.
import "@yardmaster/director";
import "@yardmaster/lab";
import "@yardmaster/realserver";
import { createVitest } from "vitest/node";
import "yardmaster";

const vitest = await createVitest({ project: ["kernel", "guest"], watch: false, reporters: [] });
try {
  // Imports the files without running their tests.
  await vitest.collect();
} finally {
  await vitest.close();
}
// Files that need the guest's kernel may have failed.
process.exitCode = 0;
