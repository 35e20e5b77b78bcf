// Claims on ports: found wherever they overlap, told whose they are.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Ports } from "../model/ports.ts";
import { PortClaims } from "./port-claims.ts";

const ports = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Ports>("any") },
  {
    weight: 8,
    arbitrary: fc.tuple(fc.nat(60), fc.nat(6)).map(([first, more]): Ports => [{ first, last: first + more }]),
  },
);

test("whoever comes first has a port; it is told to those who come later", () => {
  fc.assert(
    fc.property(fc.array(ports, { maxLength: 20 }), (wanted) => {
      const claims = new PortClaims<number>();
      const owners = new Map<number | "any", number>();
      for (const [owner, each] of wanted.entries()) {
        const own = each === "any" ? (["any"] as const) : portsOf(each);
        const taken = own.find((port) => owners.has(port));
        const expected = taken === undefined ? undefined : { port: taken, owner: owners.get(taken) };
        expect(claims.claim(each, owner)).toEqual(expected);
        if (taken === undefined) for (const port of own) owners.set(port, owner);
      }
    }),
  );
});

function portsOf(each: Exclude<Ports, "any">): readonly number[] {
  return each.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at));
}
