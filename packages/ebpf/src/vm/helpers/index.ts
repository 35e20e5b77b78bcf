// The helpers that the interpreter has, by number.

import type { HelperTable } from "./helper.ts";
import { mapHelpers } from "./map-helpers.ts";
import { packetHelpers } from "./packet-helpers.ts";
import { socketBufferHelpers } from "./socket-buffer-helpers.ts";

/** Time and the machine (kernel/bpf/helpers.c). */
const systemHelpers: HelperTable = {
  5: (call) => call.clock.nanoseconds(),
  7: (call) => BigInt(call.random()),
  8: (call) => call.cpu,
  118: (call) => call.clock.jiffies(),
  160: (call) => call.clock.nanoseconds(),
};

export const builtInHelpers: HelperTable = {
  ...mapHelpers,
  ...packetHelpers,
  ...socketBufferHelpers,
  ...systemHelpers,
};
