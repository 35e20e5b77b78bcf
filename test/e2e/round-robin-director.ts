// The `yardmaster` command with one difference: whatever scheduler a configuration file asks for, it gets rr.
import { readFileSync, writeFileSync } from "node:fs";

const file = process.argv[process.argv.indexOf("-f") + 1];
if (process.argv[2] === "run" && file !== undefined) {
  writeFileSync(file, readFileSync(file, "utf8").replaceAll(/scheduler: \w+/g, "scheduler: rr"));
}
await import(new URL("../../packages/cli/bin/yardmaster.js", import.meta.url).href);
