// Who has which ports: claims that must not overlap, found in time that grows little with their number.
import type { PortRange, Ports } from "../model/ports.ts";

interface Claim<Owner> extends PortRange {
  readonly owner: Owner;
}

/** Ports of one address, each with one owner at most. */
export class PortClaims<Owner> {
  /** In ascending order, without overlap. */
  readonly #claims: Claim<Owner>[] = [];
  #restOwner: Owner | undefined;

  /** Takes ports; returns the first that is taken already and whose it is. `any` takes those that nobody names. */
  claim(ports: Ports, owner: Owner): { readonly port: number | "any"; readonly owner: Owner } | undefined {
    if (ports === "any") {
      if (this.#restOwner !== undefined) return { port: "any", owner: this.#restOwner };
      this.#restOwner = owner;
      return undefined;
    }
    for (const range of ports) {
      const at = this.#firstFrom(range.first);
      const next = this.#claims[at];
      if (next !== undefined && next.first <= range.last) {
        return { port: Math.max(next.first, range.first), owner: next.owner };
      }
      this.#claims.splice(at, 0, { ...range, owner });
    }
    return undefined;
  }

  /** Index of the first claim that ends at this port or behind it. */
  #firstFrom(port: number): number {
    let low = 0;
    let high = this.#claims.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#claims[middle]?.last ?? 0) < port) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
