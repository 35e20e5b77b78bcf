// Whom a server sees behind a director's full NAT, asked of the kernel by real connections.
import { rmSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parsePrefix } from "@yardmaster/packet";
import { describeKernel } from "../../test/kernel-test.ts";
import { seeClient } from "../check/client-address.ts";
import { findControlGroup } from "./control-group.ts";
import { installToa, removeToa } from "./install.ts";

const pinDirectory = `/sys/fs/bpf/ymtest-realserver-${process.pid}`;
const client4 = { address: "203.0.113.7", port: 4242 };
const client6 = { address: "2001:db8:cafe::7", port: 4243 };

describeKernel("the client's address", () => {
  beforeEach(() => {
    const directors = ["10.77.0.0/24", "fd77::/64"].map(parsePrefix);
    installToa({ directors, controlGroup: findControlGroup(), pinDirectory });
  });
  afterEach(() => {
    removeToa(pinDirectory);
    rmSync(pinDirectory, { recursive: true, force: true });
  });

  test.each([
    ["IPv4", { director: "10.77.0.5", client: client4 }, client4],
    ["IPv6", { director: "fd77::5", client: client6 }, client6],
    ["an IPv4 client behind an IPv6 director", { director: "fd77::5", client: client4 }, mapped(client4)],
    ["IPv4 at ::", { director: "10.77.0.5", client: client4, listensAt: "::" }, mapped(client4)],
    [
      "an IPv6 client behind an IPv4 director at ::",
      { director: "10.77.0.5", client: client6, listensAt: "::" },
      client6,
    ],
  ] as const)("is what accept and getpeername tell: %s", (_name, probe, expected) => {
    expect(seeClient(probe)).toEqual({ accepted: expected, peer: expected });
  });

  test("is not told where a socket has no room for it", () => {
    expect(seeClient({ director: "10.77.0.5", client: client6 })?.peer.address).toBe("10.77.0.5");
  });

  test("is the peer's own where there is no option, or a stranger sent it", () => {
    expect(seeClient({ director: "10.77.0.5" })?.peer.address).toBe("10.77.0.5");
    expect(seeClient({ director: "10.78.0.5", client: client4 })?.peer.address).toBe("10.78.0.5");
    expect(seeClient({ director: "fd78::5", client: client6 })?.peer.address).toBe("fd78::5");
  });

  test("is the peer's own again when the programs are gone", () => {
    removeToa(pinDirectory);
    expect(seeClient({ director: "10.77.0.5", client: client4 })?.peer.address).toBe("10.77.0.5");
  });
});

function mapped({ address, port }: typeof client4) {
  return { address: `::ffff:${hex(address, 0)}:${hex(address, 2)}`, port };
}

/** Two bytes of a dotted quad as RFC 5952 writes a group. */
function hex(address: string, from: number): string {
  const [high = 0, low = 0] = address.split(".").map(Number).slice(from);
  return (high * 256 + low).toString(16);
}
