// Files that are random, cut off, mangled or huge are converted, in part or whole, or refused with an ImportError:
// nothing else is thrown, and what is written is always a configuration.
import { readdirSync, readFileSync } from "node:fs";
import { parseConfiguration } from "@yardmaster/director";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { importIpvsadm, ImportError, importKeepalived, toYaml } from "../src/index.ts";

const folder = new URL("samples/", import.meta.url);
const texts = (ending: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(new URL(name, folder), "utf8"));
const readers = { keepalived: importKeepalived, ipvsadm: importIpvsadm } as const;

/** "converted" with a configuration that was checked, or the code of the refusal. */
function outcomeOf(kind: keyof typeof readers, text: string): string {
  try {
    const { yaml } = toYaml(readers[kind](text, "some file"), "some file");
    parseConfiguration(yaml, "out.yaml");
    return "converted";
  } catch (error) {
    if (error instanceof ImportError) return error.code;
    throw error;
  }
}

describe.each([
  ["keepalived", ".conf"],
  ["ipvsadm", ".rules"],
] as const)("%s", (kind, ending) => {
  const samples = texts(ending);
  const words = [...new Set(samples.flatMap((text) => text.split(/\s+/)))].filter((word) => word !== "");
  const sample = fc.constantFrom(...samples);
  const isFine = (text: string): void => {
    expect(outcomeOf(kind, text)).toMatch(/^converted$|^YM_IMPORT_/);
  };

  test("text of any kind", () => fc.assert(fc.property(fc.string({ maxLength: 400, unit: "binary" }), isFine)));

  test("its own words in any order", () => {
    const word = fc.constantFrom(...words, "{", "}", "\n", "\n");
    fc.assert(fc.property(fc.array(word, { maxLength: 120 }), (list) => isFine(list.join(" "))));
  });

  test("files that are cut off", () => {
    fc.assert(
      fc.property(sample, fc.double({ min: 0, max: 1, noNaN: true }), (text, share) => {
        isFine(text.slice(0, Math.floor(text.length * share)));
      }),
    );
  });

  test("files with a word exchanged", () => {
    fc.assert(
      fc.property(
        sample,
        fc.nat(),
        fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 20 })),
        (text, at, other) => {
          const parts = text.split(/(\s+)/);
          const place = at % parts.length;
          isFine(parts.map((part, index) => (index === place ? other : part)).join(""));
        },
      ),
      { numRuns: 300 },
    );
  });
});

test("huge files", () => {
  const server = (at: number) => `  real_server 10.${at >> 16}.${(at >> 8) & 255}.${at & 255} 80 {\n  }\n`;
  const servers = Array.from({ length: 20_000 }, (_, at) => server(at + 1)).join("");
  expect(outcomeOf("keepalived", `virtual_server 198.51.100.1 80 {\n lvs_method NAT\n${servers}}\n`)).toBe("converted");
  expect(outcomeOf("keepalived", "a {\n".repeat(200_000))).toBe("YM_IMPORT_SYNTAX");
  expect(outcomeOf("keepalived", "x".repeat(2_000_000))).toBe("YM_IMPORT_SYNTAX");
  expect(outcomeOf("keepalived", `$A=${"$A".repeat(8000)}\nx $A\n`)).toBe("YM_IMPORT_SYNTAX");
  expect(outcomeOf("keepalived", `${"{".repeat(10_000)}`)).toBe("YM_IMPORT_SYNTAX");
  expect(outcomeOf("ipvsadm", "nonsense\n".repeat(400_000))).toBe("YM_IMPORT_SYNTAX");
});

test("files that include themselves end", () => {
  const include = (_pattern: string, name: string) => [{ name, text: "include x\n".repeat(9) }];
  expect(() => importKeepalived("include x\n", "x", { include })).toThrow(ImportError);
});
