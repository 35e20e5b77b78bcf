// Sample files of several kinds are imported: the result stands beside each, and the director's own parser takes it.
import { readdirSync, readFileSync } from "node:fs";
import { parseConfiguration } from "@yardmaster/director";
import { expect, test } from "vitest";
import { importIpvsadm, importKeepalived, type Imported, formatNotCarried, toYaml } from "../src/index.ts";

const folder = new URL("samples/", import.meta.url);
const samples = readdirSync(folder).filter((name) => /\.(conf|rules)$/.test(name));

function include(pattern: string) {
  return pattern === "extra/*.conf" ? [{ name: "extra/one.conf", text: "$EXTRA=1\nstatic_routes {\n}\n" }] : undefined;
}

function importSample(name: string): Imported {
  const text = readFileSync(new URL(name, folder), "utf8");
  return name.endsWith(".rules")
    ? importIpvsadm(text, name)
    : importKeepalived(text, name, { configId: "main", include });
}

test.each(samples)("%s", async (name) => {
  const imported = importSample(name);
  const { yaml, notCarried, services, servers } = toYaml(imported, name);
  const { configuration } = parseConfiguration(yaml, `${name}.yaml`);
  expect(configuration.services.length).toBe(services);
  expect(configuration.services.flatMap((each) => each.servers.filter(({ isSorry }) => isSorry !== true))).toHaveLength(
    servers,
  );
  for (const each of notCarried.slice(0, 100)) expect(yaml).toContain(`#   ${formatNotCarried(each)}`);
  await expect(yaml).toMatchFileSnapshot(`samples/${name}.yaml`);
});
