// Configuration text → a checked Configuration, or all of its faults at once: YAML, then shape (schema), then what
// only several places together show, then, where a Network is given, what only this machine shows.
import type { Configuration } from "../model/configuration.ts";
import type { Network } from "../checks/network.ts";
import { checkApi } from "./check-api.ts";
import { checkNetwork } from "./check-network.ts";
import { checkServices } from "./check-services.ts";
import { explainIssues } from "./explain.ts";
import { ConfigurationError, type ConfigurationFault } from "./fault.ts";
import { readOutline } from "./outline.ts";
import { readYaml } from "./read-yaml.ts";
import { configurationSchema } from "./schema.ts";
import { Source } from "./source.ts";
import { toConfiguration } from "./to-configuration.ts";

/** A configuration without errors, and what is odd about it. */
export interface ParsedConfiguration {
  readonly configuration: Configuration;
  readonly warnings: readonly ConfigurationFault[];
}

/**
 * Reads a configuration file's text. `fileName` is for messages only. With `options.network` servers, interfaces and
 * VIPs are checked against this machine too. Throws ConfigurationError with all faults (and warnings) of the file.
 */
export function parseConfiguration(
  text: string,
  fileName: string,
  options: { readonly network?: Network } = {},
): ParsedConfiguration {
  const source = new Source(text, fileName);
  const root = readYaml(source);
  if (root === undefined) throw new ConfigurationError(source.faults);
  const result = configurationSchema.safeParse(root.value);
  if (!result.success) explainIssues(result.error.issues, source);
  const outline = readOutline(root);
  checkServices(outline, source);
  checkApi(source);
  if (options.network !== undefined) checkNetwork(outline, options.network, source);
  const faults = source.faults;
  if (!result.success || faults.some((fault) => fault.severity === "error")) throw new ConfigurationError(faults);
  return { configuration: toConfiguration(result.data), warnings: faults };
}
