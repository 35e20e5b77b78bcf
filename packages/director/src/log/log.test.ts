// What lines are made of what happens.
import { describe, expect, it } from "vitest";
import { createLog, type LogOptions, usualFormat } from "./log.ts";
import type { Facts } from "./report.ts";

const down: Facts = { event: "serverDown", level: "warning", cause: "check", service: "web", server: "10.0.0.11:80" };

function said(options: Partial<LogOptions>, message: string, facts?: Facts): string {
  let text = "";
  const write = (line: string) => void (text += line);
  const now = () => new Date(2026, 10, 28, 6, 5, 4, 321);
  createLog({ format: "text", hasTimes: false, write, now, ...options })(message, facts);
  return text;
}

describe("a line", () => {
  it("is for people the message, on a terminal with the time", () => {
    expect(said({}, "web: server down", down)).toBe("web: server down\n");
    expect(said({ hasTimes: true }, "web: server down", down)).toBe("06:05:04 web: server down\n");
  });

  it("has for journald its priority, each line of it", () => {
    expect(said({ format: "journal" }, "ready")).toBe("<6>ready\n");
    expect(said({ format: "journal" }, "ready", { event: "ready", level: "notice" })).toBe("<5>ready\n");
    expect(said({ format: "journal" }, "web: server down", down)).toBe("<4>web: server down\n");
    expect(said({ format: "journal" }, "refused:\n  y.yaml:3", { level: "error" })).toBe(
      "<3>refused:\n<3>  y.yaml:3\n",
    );
  });

  it("is as JSON one line with all facts, whatever is in it", () => {
    const line = said({ format: "json" }, 'web: "down"\nfor now', down);
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(JSON.parse(line)).toEqual({
      ...{ time: expect.stringMatching(/^2026-11-2\dT.*Z$/), message: 'web: "down"\nfor now', ...down },
    });
    expect(JSON.parse(said({ format: "json" }, "ready"))).toMatchObject({ level: "info", message: "ready" });
  });

  it("has nothing in it that a terminal would act on", () => {
    expect(said({}, "web: HTTP 503 \u001b[2J\u0007\r")).toBe("web: HTTP 503 ?[2J??\n");
    expect(said({ format: "journal" }, "a\u001b\nb")).toBe("<6>a?\n<6>b\n");
  });

  it("leaves a large difference out", () => {
    const service = { change: "added", name: "web", match: "", fields: [], servers: [], isReordered: false } as const;
    const diffOf = (count: number) => ({ director: [], services: new Array(count).fill(service) });
    const line = (count: number) => JSON.parse(said({ format: "json" }, "x", { diff: diffOf(count) }));
    expect([line(3).diff?.services.length, line(300).diff]).toEqual([3, undefined]);
  });

  it("is not written where less is asked for", () => {
    expect(said({ least: "warning" }, "ready", { level: "notice" })).toBe("");
    expect(said({ least: "warning" }, "down", down)).toBe("down\n");
  });
});

describe("the usual format", () => {
  const stat = () => ({ dev: 9, ino: 1234 });

  it("is journald's where the standard error leads there, and else text", () => {
    expect(usualFormat({ JOURNAL_STREAM: "9:1234" }, stat)).toBe("journal");
    expect(usualFormat({ JOURNAL_STREAM: "9:77" }, stat)).toBe("text");
    expect(usualFormat({}, stat)).toBe("text");
    const closed = () => {
      throw new Error("EBADF");
    };
    expect(usualFormat({ JOURNAL_STREAM: "9:1234" }, closed)).toBe("text");
  });
});
