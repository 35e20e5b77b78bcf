// What the reference remembers of first fragments: the ports that the later ones of a datagram go by.

import { TICKS_PER_SECOND } from "../plan.ts";
import type { ReadPacket } from "./read-frame.ts";

export interface FirstFragment {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

const SECONDS = 30;

export class FragmentMemory {
  readonly #known = new Map<string, FirstFragment & { readonly expiresAt: number }>();

  /** Remembers the ports of a first fragment. */
  remember({ fragment }: ReadPacket, ports: FirstFragment, now: number): void {
    if (fragment !== undefined) {
      this.#known.set(fragment.datagram, { ...ports, expiresAt: now + SECONDS * TICKS_PER_SECOND });
    }
  }

  /** What the first fragment of the same datagram said. */
  firstOf({ fragment }: ReadPacket, now: number): FirstFragment | undefined {
    const known = fragment && this.#known.get(fragment.datagram);
    return known !== undefined && known.expiresAt > now ? known : undefined;
  }
}
