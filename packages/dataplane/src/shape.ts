// What the program is specialised to. Equal shapes give equal programs; everything else is in maps.

import type { MethodName } from "./forward/method.ts";
import type { SchedulerName } from "./schedule/scheduler.ts";

/** Only what is named here is compiled in. */
export interface BalancerShape {
  readonly schedulers: readonly SchedulerName[];
  readonly methods: readonly MethodName[];
  /** MAC addresses (6 bytes each) of the interfaces: frames for others are not the director's. */
  readonly macs: readonly Uint8Array[];
  /** Entries of the connection table; methods with a way back use two for a connection. */
  readonly maximumConnections: number;
  readonly maximumServices: number;
  readonly maximumDestinations: number;
  /** Destinations that one service can have: a power of two. */
  readonly maximumMembers: number;
  /**
   * How packets leave by the interface they came in on. A veth wakes its other end for frames sent back
   * by XDP_TX only if that end runs a program too (veth_xdp_flush, drivers/net/veth.c); a redirect to
   * the same interface needs only GRO there. Default `tx`, the cheaper one.
   */
  readonly sendBack?: "tx" | "redirect";
  /** `jiffies`: the kernel's clock. `manual`: the `now` of the settings, for tests and simulation. */
  readonly clock: "jiffies" | "manual";
}
