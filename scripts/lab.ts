// `npm start` and `npm run lab`: the lab of @yardmaster/lab through the command line users have, after making sure that
// the one system tool it needs is there.
import { ensureCommands, type SystemCommand } from "./system-packages.ts";

/** What the scenario `tools` shows. */
const tools: readonly SystemCommand[] = ["curl", "dnsmasq", "iperf3", "nginx"];
const needsTools = process.argv.some((word) => ["tools", "all", "--all"].includes(word));

if (process.platform === "linux" && process.getuid?.() === 0) {
  const missing = ensureCommands(["ip", "tc", ...(needsTools ? tools : [])]);
  if (missing !== undefined) {
    process.stderr.write(`starting the lab: ${missing}\n`);
    process.exit(1);
  }
}
process.argv.splice(2, 0, "lab");
await import(new URL("../packages/cli/bin/yardmaster.js", import.meta.url).href);
