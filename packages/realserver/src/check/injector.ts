// Frames put in at an interface as if they had come from its wire, and what the machine answers, seen as it goes out:
// so checks ask the network stack itself instead of reading its settings.
import { pass, xdp, compile } from "@yardmaster/ebpf";
import { type KernelProgram, loadKernelProgram } from "@yardmaster/ebpf/kernel";
import { FrameSocket } from "@yardmaster/linux";
import { type ParsedFrame, parseFrame } from "@yardmaster/packet";

/** How long an answer is waited for; the stack gives it within the call, unless packets go to another CPU first. */
const PATIENCE_MS = 100;
const PAUSE_MS = 2;

const handIn = xdp("rs_hand_in", () => pass());

/** Loads the program that passes each frame on to the stack. */
export function loadInjector(): KernelProgram {
  return loadKernelProgram(compile(handIn), new Map());
}

/** Puts `frame` in through `program` and gives the first frame after it that `isAnswer`, or undefined. */
export function ask(
  program: KernelProgram,
  { frame, interfaceIndex }: { readonly frame: Uint8Array; readonly interfaceIndex: number },
  isAnswer: (parsed: ParsedFrame) => boolean,
): ParsedFrame | undefined {
  using frames = new FrameSocket();
  program.inject(frame, interfaceIndex);
  return waitFor(() => {
    for (let seen = frames.receive(); seen !== undefined; seen = frames.receive()) {
      const parsed = parseFrame(seen);
      if (isAnswer(parsed)) return parsed;
    }
    return undefined;
  });
}

/** What `attempt` gives as soon as it gives something. Blocks: the answers are there within microseconds. */
export function waitFor<T>(attempt: () => T | undefined): T | undefined {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; ; waitedMs += PAUSE_MS) {
    const found = attempt();
    if (found !== undefined || waitedMs >= PATIENCE_MS) return found;
    Atomics.wait(sleeper, 0, 0, PAUSE_MS);
  }
}
