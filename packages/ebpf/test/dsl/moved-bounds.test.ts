// Branches and loops that change the packet's bounds and go on: what is stale behind them, and what is not.

import { describe, expect, test } from "vitest";
import { be16, be32, compile, type Packet, pass, repeat, struct, u8, verdict, when, xdp } from "@yardmaster/ebpf";
import { failure } from "./build-failure.ts";

const Header = struct("header", { kind: u8, length: u8, port: be16, address: be32 });

describe("bounds that change in a branch", () => {
  test("a header from before a branch that changes the bounds and goes on, behind it", () => {
    const grow = (packet: Packet) => void packet.adjustHead(4);
    const branches: ((packet: Packet) => void)[] = [
      (packet) => when(packet.length().gt(100), () => grow(packet)),
      (packet) => when(packet.length().gt(100), () => undefined).otherwise(() => grow(packet)),
      (packet) => when(packet.length().gt(100), () => grow(packet)).otherwise(() => undefined),
    ];
    for (const branch of branches) {
      const error = failure((packet) => {
        const header = packet.read(Header).orPass();
        branch(packet);
        return verdict(header.length.toU32());
      });
      expect(error.code).toBe("YM_BUILD_STALE");
      const program = xdp("p", (packet) => {
        branch(packet);
        return verdict(packet.read(Header).orPass().length.toU32());
      });
      expect(compile(program).instructions.length).toBeGreaterThan(2);
    }
  });

  test("a header from before the branches is good in the second of them, whatever the first does", () => {
    const program = xdp("p", (packet) => {
      const header = packet.read(Header).orPass();
      when(header.kind.eq(1), () => void packet.adjustHead(4)).otherwise(() => {
        header.kind = u8(9);
      });
      return pass();
    });
    expect(compile(program).instructions.length).toBeGreaterThan(2);
  });

  test("a loop that changes the bounds and goes on", () => {
    const error = failure((packet) => {
      repeat(3, () => void packet.adjustHead(4));
      return pass();
    });
    expect(error).toMatchObject({
      code: "YM_BUILD_STALE",
      message: expect.stringContaining("a loop that changes the packet's bounds must end in a verdict"),
    });
  });
});
