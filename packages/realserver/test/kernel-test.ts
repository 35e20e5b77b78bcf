// What the kernel tests of this package share: skipping with a reason.
import { bpfAccessProblem } from "@yardmaster/ebpf/kernel";
import { describe } from "vitest";

const problem = bpfAccessProblem();

/** `describe` for tests that need bpf(2); without it they skip, with the reason in the name. */
export function describeKernel(name: string, body: () => void): void {
  describe.skipIf(problem !== undefined)(problem === undefined ? name : `${name} (skipped: ${problem})`, body);
}
