// Names that the kernel takes, for programs, functions and maps.

import { BuildError } from "./build-error.ts";
import { callerPosition } from "./position.ts";

/** BPF_OBJ_NAME_LEN is 16 with the final zero (include/uapi/linux/bpf.h). */
const NAME = /^[A-Za-z0-9_.]{1,15}$/;

/** Throws BuildError unless the kernel takes `name`. */
export function assertName(name: string): void {
  if (!NAME.test(name)) {
    throw new BuildError(
      "YM_BUILD_NAME",
      `"${name}" is no name for the kernel: 1–15 characters of A–Z a–z 0–9 _ .`,
      callerPosition(),
    );
  }
}
