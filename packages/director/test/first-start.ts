// A process that starts a director for the first time, with its N-th system call failing, and tells as JSON what
// came of it. The answers of feature probes are kept as long as a process lives, so each N needs one of its own.
// Arguments: N, errno.

import { features } from "@yardmaster/ebpf/kernel";
import { failNthCall, openResources } from "@yardmaster/linux";
import { Director } from "../src/director.ts";
import { bothMethods, namesOfAttached } from "./director-network.ts";

/** What the test reads. */
export interface FirstStart {
  readonly fired: boolean;
  readonly error: { readonly name: string; readonly code: string; readonly message: string } | undefined;
  readonly feature: string | undefined;
  readonly minimumVersion: string | undefined;
  readonly open: readonly string[];
  readonly attached: readonly string[];
  /** Features that a second look, without a fault, finds missing. */
  readonly missingAfterwards: readonly string[];
}

function start(nth: number, errno: number): FirstStart {
  using fault = failNthCall(nth, errno);
  let error: (Error & { code?: string; feature?: string; minimumVersion?: string }) | undefined;
  try {
    new Director({ configuration: bothMethods, fileName: "y.yaml", version: "0", report: () => undefined })[
      Symbol.dispose
    ]();
  } catch (thrown) {
    error = thrown as Error;
  }
  const { fired } = fault;
  fault[Symbol.dispose]();
  return {
    fired,
    error: error && { name: error.name, code: error.code ?? "", message: error.message },
    feature: error?.feature,
    minimumVersion: error?.minimumVersion,
    open: openResources().map(({ what }) => what),
    attached: namesOfAttached(),
    missingAfterwards: Object.values(features).flatMap((probe) => (probe.isSupported() ? [] : [probe.name])),
  };
}

const [nth, errno] = process.argv.slice(2).map(Number);
process.stdout.write(JSON.stringify(start(nth ?? 1, errno ?? 1)));
