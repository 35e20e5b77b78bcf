// One CPU of the parallel test: a thread that sends random ones of the packets that it was given through a program,
// as fast as it can, whenever it is told to.

import { parentPort, workerData } from "node:worker_threads";
import { FileDescriptor, programTestRun } from "@yardmaster/linux";
import { seededRandom } from "@yardmaster/packet";

/** What a thread is started with. */
export interface WorkerStart {
  /** Descriptor of the loaded balancer: threads share those of their process. */
  readonly program: number;
  readonly frames: readonly Uint8Array[];
  /** How often each packet goes through at once: what comes out goes in again. */
  readonly repeat: number;
  readonly seed: number;
}

/** Bytes that a packet may grow by: two tags, or an error around it. */
const GROWTH = 256;

if (parentPort !== null) {
  const port = parentPort;
  const { program, frames, repeat, seed } = workerData as WorkerStart;
  const random = seededRandom(seed);
  // Not closed: it is the starter's.
  const fd = new FileDescriptor(program, "the balancer");
  const outputs = frames.map((frame) => new Uint8Array(frame.length + GROWTH));
  port.on("message", (packets: number) => {
    const verdicts = [0, 0, 0, 0, 0];
    for (let sent = 0; sent < packets; sent++) {
      const index = random.below(frames.length);
      const { returnValue } = programTestRun(fd, { data: frames[index], dataOut: outputs[index], repeat });
      verdicts[returnValue] = (verdicts[returnValue] ?? 0) + 1;
    }
    port.postMessage(verdicts);
  });
}
