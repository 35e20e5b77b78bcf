// Entry of the package: what people who come from IPVS bring along, and what they are used to type.
export { importIpvsadm } from "./ipvsadm/import-ipvsadm.ts";
export { type Command, type NameLookup, noNames, readCommand } from "./ipvsadm/command.ts";
export {
  endpointText,
  type IpvsServer,
  type IpvsService,
  netmaskLength,
  type ServiceKey,
} from "./ipvsadm/service.ts";
export { IpvsadmRefusal, splitLine } from "./ipvsadm/words.ts";
export { ImportError } from "./errors.ts";
export type { Imported, NotCarried } from "./imported.ts";
export { importKeepalived } from "./keepalived/import-keepalived.ts";
export type { IncludedFile, StatementOptions } from "./keepalived/statements.ts";
export { formatNotCarried, toYaml, type WrittenImport } from "./write/to-yaml.ts";
export {
  ChangedMeanwhile,
  type IpvsadmAnswer,
  type IpvsadmPorts,
  type KeptConfiguration,
  runIpvsadm,
} from "./shim/run-ipvsadm.ts";
