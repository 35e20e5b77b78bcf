// A workload file: YAML whose keys are the options, each written as on the command line; lists stand for commas.
import { ConfigurationError, quoteValue, readYaml, Source, suggest } from "@yardmaster/director/config";
import { SimulationError } from "../simulation-error.ts";
import { type OptionName, optionNames, type OptionTexts, simulationOptions } from "./options.ts";
import { parsers } from "./settings.ts";

/** Reads a file's text; `fileName` is for messages. Throws ConfigurationError with all faults of the file. */
export function readWorkloadFile(text: string, fileName: string): OptionTexts {
  const source = new Source(text, fileName);
  const root = readYaml(source);
  if (root === undefined) throw new ConfigurationError(source.faults);
  const found: Partial<Record<OptionName, string>> = {};
  if (typeof root.value !== "object" || root.value === null || Array.isArray(root.value)) {
    const message = `the file must be a map, not ${quoteValue(root.value)}`;
    source.errorAt([], { code: "YM_SIMULATE_VALUE", message, hint: "write options such as `rate: 200/s`" });
  } else {
    for (const [key, value] of Object.entries(root.value)) readEntry(source, key, value, found);
  }
  if (source.faults.length > 0) throw new ConfigurationError(source.faults);
  return found;
}

function readEntry(source: Source, key: string, value: unknown, found: Partial<Record<OptionName, string>>): void {
  const name = optionNames.find((each) => each === key);
  if (name === undefined) {
    const near = suggest(key, optionNames);
    const hint = near === undefined ? `known here: ${optionNames.join(", ")}` : `did you mean ${quoteValue(near)}?`;
    source.errorAtKey([key], { code: "YM_SIMULATE_VALUE", message: `unknown key ${quoteValue(key)}`, hint });
    return;
  }
  const text = textOf(value);
  if (text === undefined) {
    const message = `${key} must be a text, a number or a list of them, not ${quoteValue(value)}`;
    source.errorAt([key], { code: "YM_SIMULATE_VALUE", message, hint: simulationOptions[name].meaning });
    return;
  }
  try {
    parsers[name](text);
    found[name] = text;
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    const { code, message, hint } = error;
    source.errorAt([key], { code, message: `${key}: ${message}`, ...(hint === undefined ? {} : { hint }) });
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const texts = value.map((each: unknown) => (Array.isArray(each) ? undefined : textOf(each)));
  return texts.includes(undefined) ? undefined : texts.join(", ");
}
