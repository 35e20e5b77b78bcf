// Entry "@yardmaster/director/config": how this project reads YAML that people write, for files beside the
// configuration: every fault at once, each with its line, and the same words for the same things.
export { tryParseDurationMs } from "./duration.ts";
export { ConfigurationError, quoteValue } from "./fault.ts";
export { orList } from "./fields.ts";
export { readYaml } from "./read-yaml.ts";
export { Source } from "./source.ts";
export { suggest } from "./suggest.ts";
