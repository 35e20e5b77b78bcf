// `npm run vm -- [--kernel 6.1|6.12] [--timeout SECONDS] COMMAND…`: one command in a virtual machine, by hand.
import { parseArgs } from "node:util";
import { KERNEL_VERSIONS, type KernelVersion } from "./guest-kernel.ts";
import { runInVm } from "./run-in-vm.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kernel: { type: "string", default: "6.1" },
    timeout: { type: "string", default: "600" },
  },
});

function isKernelVersion(version: string): version is KernelVersion {
  return (KERNEL_VERSIONS as readonly string[]).includes(version);
}

if (!isKernelVersion(values.kernel) || positionals.length === 0) {
  console.error(`usage: npm run vm -- [--kernel ${KERNEL_VERSIONS.join("|")}] [--timeout SECONDS] COMMAND`);
  process.exit(2);
}
const result = await runInVm({
  command: positionals.join(" "),
  kernel: values.kernel,
  timeoutMs: Number(values.timeout) * 1000,
  onOutput: (text) => process.stdout.write(text),
});
if (result.status === undefined) {
  console.error(`running in the virtual machine: ${result.timedOut ? "time limit reached" : "the guest died"}`);
  console.error(result.console);
}
process.exit(result.status ?? 1);
