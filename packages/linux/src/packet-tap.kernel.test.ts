// The tap on a real kernel: it sees what a namespace's stack sends and receives, in order, and lets go of everything.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { Errno } from "./errno.ts";
import { openResources } from "./fd.ts";
import { callCount, failNthCall } from "./ffi.ts";
import { withNetworkNamespace } from "./netns.ts";
import { listLinks } from "./netlink/link.ts";
import { PacketTap } from "./packet-tap.ts";

const name = `ymtap-${process.pid}`;
const ip = (...args: readonly string[]) => execFileSync("ip", args);

describe.skipIf(process.getuid?.() !== 0)("a tap (needs root)", () => {
  beforeEach(() => {
    ip("netns", "add", name);
    ip("-n", name, "link", "set", "lo", "up");
  });
  afterEach(() => {
    ip("netns", "delete", name);
  });

  test("sees each frame as it is sent and received, with whole contents, once", () => {
    const { tap, links } = withNetworkNamespace(name, () => ({ tap: new PacketTap(), links: listLinks() }));
    using _tap = tap;
    const ask = `require("dgram").createSocket("udp4").send("seen?", 9, "127.0.0.1", () => process.exit(0))`;
    ip("netns", "exec", name, process.execPath, "--eval", ask);
    const frames = tap.read().filter(({ bytes }) => bytes.length === 47);
    expect(
      Buffer.from(frames[0]?.bytes ?? [])
        .subarray(42)
        .toString(),
    ).toBe("seen?");
    expect(frames.map(({ direction }) => direction)).toEqual(["outbound", "inbound"]);
    expect(new Set(frames.map(({ interfaceIndex }) => interfaceIndex))).toEqual(
      new Set(links.filter(({ name: interfaceName }) => interfaceName === "lo").map(({ index }) => index)),
    );
    expect(frames.map(({ bytes, originalLength }) => [bytes.length, originalLength])).toEqual([
      [47, 47],
      [47, 47],
    ]);
    // Loopback leaves the checksum to whoever needs it.
    expect(frames[0]?.checksumPending).toBe(true);
    const [sent = 0n, received = 0n] = frames.map(({ timestampNs }) => timestampNs);
    expect(received >= sent && sent > 1_700_000_000_000_000_000n).toBe(true);
    expect(tap.read()).toEqual([]);
  });

  test("goes on past the end of its ring", () => {
    // Nobody listens, so that each datagram is answered by an error: four frames a datagram, 1024 in the ring.
    const tap = withNetworkNamespace(name, () => new PacketTap());
    using _tap = tap;
    const send = `
      const socket = require("dgram").createSocket("udp4");
      let left = 200;
      const next = () => (left-- > 0 ? socket.send("x", 9, "127.0.0.1", next) : process.exit(0));
      next();
    `;
    let seen = 0;
    for (let round = 0; round < 4; round += 1) {
      ip("netns", "exec", name, process.execPath, "--eval", send);
      seen += tap.read().filter(({ bytes }) => bytes.at(-1) === 120 && bytes.length === 43).length;
    }
    expect(seen).toBe(1600);
  });

  test("a call that fails leaves nothing open", () => {
    const before = openResources().length;
    const calls = withNetworkNamespace(name, () => {
      const first = callCount();
      new PacketTap()[Symbol.dispose]();
      return callCount() - first;
    });
    for (let nth = 1; nth <= calls; nth += 1) {
      withNetworkNamespace(name, () => {
        using fault = failNthCall(nth, Errno.ENOMEM);
        expect(() => new PacketTap()).toThrow(/tapping|mapping/);
        expect(fault.fired).toBe(true);
      });
      expect(openResources()).toHaveLength(before);
    }
    expect(calls).toBe(4);
    expect(readFileSync("/proc/net/packet", "utf8").split("\n")).toHaveLength(2);
  });
});
