// Provokes build errors, for the tests that look at them.

import { BuildError, compile, type Packet, type Verdict, xdp } from "@yardmaster/ebpf";

/** What compiling a program with this body throws. */
export function failure(body: (packet: Packet) => Verdict): BuildError {
  return thrown(() => compile(xdp("p", body)));
}

/** The build error that `action` throws; any other is thrown on. */
export function thrown(action: () => unknown): BuildError {
  try {
    action();
  } catch (error) {
    if (error instanceof BuildError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
