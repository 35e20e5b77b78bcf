// Files that are too large, too deep or endless are refused in little time; what is quoted of a file is harmless.
import { describe, expect, it } from "vitest";
import { ConfigurationError } from "./fault.ts";
import { parseConfiguration } from "./parse-configuration.ts";

/** The text of all faults of a file. */
function faultsOf(text: string): string {
  try {
    parseConfiguration(text, "y.yaml");
    return "";
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message;
  }
}

describe("limits", () => {
  it("refuses a file of more than 8 MB without reading it", () => {
    expect(faultsOf(`#${"x".repeat(8 * 1024 * 1024)}`)).toMatchInlineSnapshot(`
      "y.yaml:1:1: error: the file is larger than 8 MB
          1 | #xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            | ^
            = split the services over several directors"
    `);
  });

  it("shows control characters that the reader complains of as escapes", () => {
    expect(faultsOf("services: >\x07\n")).toContain("extra characters: >\\x07");
  });

  it("refuses nesting that would overflow the stack", () => {
    expect(faultsOf("[".repeat(1_000_000))).toMatch(/^y.yaml:1:33: error: values are nested more than 32 /);
  });

  it("refuses aliases that expand without end", () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const below = level === 0 ? "1" : `*l${level - 1}`;
      return `l${level}: &l${level} [${Array.from({ length: 10 }, () => below).join(", ")}]\n`;
    });
    expect(faultsOf(levels.join(""))).toMatchInlineSnapshot(`
      "y.yaml:1:1: error: the file holds more than 1000000 values when its aliases are written out
          1 | l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
            | ^"
    `);
  });

  it("prints the first hundred faults of a file and counts the rest", () => {
    const servers = Array.from({ length: 150 }, () => "      - { address: nowhere }\n").join("");
    const text = `services:\n  web:\n    address: 198.51.100.10\n    port: 80\n    servers:\n${servers}`;
    expect(faultsOf(text).split("\n").at(-1)).toBe("… and 51 more");
  });

  it("shows only the part of a long line around the fault, and no control characters", () => {
    const text = `services: { ${"a".repeat(300)}: 1, web: { address: "\u001b[31m", port: 80 } }`;
    expect(faultsOf(text)).toMatchInlineSnapshot(`
      "y.yaml:1:13: error: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…" cannot be a service's name
          1 | services: { aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            |             ^
            = a service's name is 1–63 letters, digits, dots, dashes or underscores and begins with a letter or digit
      y.yaml:1:315: error: service "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…" must be a map, not 1
          1 | aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1, web: { address: "?[31m", port: 80 } }
            |                                        ^
            = a virtual service: address, port, protocol, scheduler, forwarding, servers
      y.yaml:1:318: error: service "web" has no "forwarding"
          1 | aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1, web: { address: "?[31m", port: 80 } }
            |                                        ^
            = forwarding methods: nat, dr, tun or fullnat
      y.yaml:1:318: error: service "web" has no "servers"
          1 | aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1, web: { address: "?[31m", port: 80 } }
            |                                        ^
            = a list of real servers, each { address: 10.0.0.11, weight: 1 }
      y.yaml:1:334: error: "?[31m" is no address and no prefix
          1 | aaaaaaaaaaaaaaaaaa: 1, web: { address: "?[31m", port: 80 } }
            |                                        ^
            = the address or prefix that clients connect to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10"
    `);
  });
});
