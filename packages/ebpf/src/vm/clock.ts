// Time as programs see it. It moves only as the host says, so that a test or a simulation can stop it.

/** Jiffies in a second of the memory host. */
export const JIFFIES_PER_SECOND = 250;

const NS_PER_JIFFY = 1_000_000_000n / BigInt(JIFFIES_PER_SECOND);
const MS_PER_JIFFY = 1000 / JIFFIES_PER_SECOND;

export interface Clock {
  jiffies(): bigint;
  nanoseconds(): bigint;
}

/** A clock that reads `now` (jiffies), or this process's monotonic time. */
export function createClock(now?: () => bigint): Clock {
  const jiffies = now ?? (() => BigInt(Math.floor(performance.now() / MS_PER_JIFFY)));
  return { jiffies, nanoseconds: () => jiffies() * NS_PER_JIFFY };
}
