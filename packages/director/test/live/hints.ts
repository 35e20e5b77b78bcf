// What a running data plane's handshakes say of its servers, as checks are told.

import type { BpfProgram } from "@yardmaster/ebpf";
import { describe, expect, test } from "vitest";
import { Hinter } from "../../src/health/keep-hinted.ts";
import type { HostOf } from "../../src/kernel/dataplane.ts";
import { LiveBench } from "./bench.ts";
import { nat, web } from "./operations.ts";

/** Registers the tests. */
export function describeHints(create: () => HostOf<BpfProgram>): void {
  /** Two servers, their hinter, and what it says in the next second. */
  const watch = (it: LiveBench) => {
    web({ forwarding: "nat", servers: [nat(1), nat(2)] })(it.live);
    const hinter = new Hinter();
    return () => {
      const said: string[] = [];
      hinter.look(it.dataplane, (service, endpoint, hint) => said.push(`${service} ${endpoint}: ${hint}`));
      return said;
    };
  };

  describe("hints", () => {
    test("are of the server that is silent or refuses, and of no other", () => {
      using it = new LiveBench(create());
      const look = watch(it);
      it.send({ port: 1 });
      // What was before the first look is old.
      expect(look()).toEqual([]);
      it.open({ port: 2 });
      for (const _ of [1, 2, 3]) it.send({ port: 1 });
      expect(look()).toEqual(["tcp 198.51.100.10:80 10.0.0.1:80: 3 SYNs and no handshake completed"]);
      expect(look()).toEqual([]);
      it.open({ port: 3 });
      it.send({ port: 4 });
      it.answer(4, "10.0.0.2:80", "RA");
      expect(look()).toEqual(["tcp 198.51.100.10:80 10.0.0.2:80: it refused 1 connection"]);
    });

    test("are none where nothing is counted", () => {
      using it = new LiveBench(create(), {}, { shape: { features: [] } });
      const look = watch(it);
      look();
      for (const _ of [1, 2, 3, 4]) it.send({ port: 1 });
      expect(look()).toEqual([]);
      expect(it.dataplane.maps.loads.lookup(0)).toMatchObject({ handshakesBegun: 0, synsRepeated: 0 });
    });
  });
}
