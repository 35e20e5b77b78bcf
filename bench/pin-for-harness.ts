// Pins the balancer's program, configured for the side-by-side harness, so that its test-run suite measures
// it next to the others: node bench/pin-for-harness.ts METHOD PATH. Remove the file to let go of it.

import type { MethodName } from "@yardmaster/dataplane";
import { ensurePinDirectory, pin, unpin } from "@yardmaster/ebpf/kernel";
import { dirname } from "node:path";
import { createSubject, METHODS } from "./subject.ts";

/** As many as the suite's other tables have (SIZE in suites/testrun.sh). */
const MAXIMUM_CONNECTIONS = 4_194_304;

const [name, path] = process.argv.slice(2);
const method = METHODS.find((one) => one === name);
if (method === undefined || path === undefined) {
  process.stderr.write(`usage: node bench/pin-for-harness.ts ${METHODS.join("|")} /sys/fs/bpf/NAME\n`);
  process.exit(2);
}
pinSubject(method, path);

/** The maps live on with the program, which holds them. */
function pinSubject(name: MethodName, at: string): void {
  ensurePinDirectory(dirname(at));
  unpin(at);
  using subject = createSubject({ method: name, maximumConnections: MAXIMUM_CONNECTIONS });
  pin(subject.program, at);
}
