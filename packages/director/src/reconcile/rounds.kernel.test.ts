// What goes on beside the packets outlives a kernel that refuses a call, says so once, and says when it is over.
import { Errno, failNthCall, listLinks } from "@yardmaster/linux";
import { expect, test } from "vitest";
import { describeKernel } from "../../test/kernel-test.ts";
import { keepGoing } from "./rounds.ts";

describeKernel("rounds", () => {
  test("a refused call is reported once and tried again in its turn", async () => {
    const stop = new AbortController();
    const lines: string[] = [];
    let rounds = 0;
    const round = (): void => {
      rounds += 1;
      if (rounds === 4) stop.abort();
      using _fault = rounds < 3 ? failNthCall(1, Errno.ENOMEM) : undefined;
      listLinks();
    };
    const report = (line: string) => void lines.push(line);
    await keepGoing({ doing: "counting links", pauseMs: 1, signal: stop.signal, report, round });
    expect(rounds).toBe(4);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^counting links: .*ENOMEM/);
    expect(lines[1]).toBe("counting links: works again");
  });

  test("an error of our own ends it", async () => {
    const { signal } = new AbortController();
    const round = () => {
      throw new RangeError("ours");
    };
    const rounds = { doing: "failing", pauseMs: 1, signal, report: () => {}, round };
    await expect(keepGoing(rounds)).rejects.toThrow("ours");
  });
});
