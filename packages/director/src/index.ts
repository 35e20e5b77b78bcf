// Entry of the director package. The daemon itself is imported only when it is started: checking a file or asking a
// running director needs nothing of the kernel.
import type { Network } from "./checks/network.ts";
import type { RunDirector } from "./run-options.ts";
import type { TakeDownOptions, TakenDown } from "./succession/take-down.ts";

export { createClient, type DirectorClient } from "./api/client.ts";
export { connectionLimits } from "./api/routes.ts";
export { type ApiServer, type ApiServerOptions, startApiServer } from "./api/server.ts";
export type { SnapshotSource } from "./api/snapshot-source.ts";
export { defaultSocketPath, resolveSocketPath } from "./api/socket-path.ts";
export type * from "./api/types.ts";
export type { KnownNeighbour, Network, NetworkInterface, NetworkRoute, OwnAddress } from "./checks/network.ts";
export { formatDuration, tryParseDurationMs } from "./config/duration.ts";
export { ConfigurationError, type ConfigurationFault, formatFaults } from "./config/fault.ts";
export { configurationJsonSchema } from "./config/json-schema.ts";
export { maximumFileLength } from "./config/read-yaml.ts";
export { type ParsedConfiguration, parseConfiguration } from "./config/parse-configuration.ts";
export { expectWork, giveBackMemory, saveMemory } from "./engine.ts";
export { DirectorError } from "./errors.ts";
export { defaultStateDirectory } from "./succession/instance.ts";
export type { ApiSettings } from "./model/api-settings.ts";
export type {
  Compatibility,
  Configuration,
  ConnectionTimeoutsMs,
  DirectorSettings,
  Hook,
} from "./model/configuration.ts";
export { type ForwardingMethod, forwardingMethods, seesReplies } from "./model/forwarding-method.ts";
export { type Scheduler, schedulers } from "./model/scheduler.ts";
export type { Destination, Protocol, VirtualService } from "./model/virtual-service.ts";
export { isEmpty } from "./change/diff.ts";
export { diffLine, planText } from "./change/diff-text.ts";
export type { MadeChange, PlannedChange } from "./change/planned-change.ts";
export { createLog, type LogFormat, logFormats, usualFormat } from "./log/log.ts";
export { type Level, levels, type Report } from "./log/report.ts";
export { type KeptMarks, ZeroMarks } from "./status/zero-marks.ts";
export type { TakenDown } from "./succession/take-down.ts";
export type { ApiAccess, Reload, RunDirector, RunDirectorOptions } from "./run-options.ts";

/** Runs the director until `options.signal` is aborted (run.ts). */
export const runDirector: RunDirector = async (options) => {
  const daemon = await import("./run.ts");
  return daemon.runDirector(options);
};

/** Ends an instance, with the director that runs it (succession/take-down.ts); undefined: there is nothing of it. */
export async function takeDown(options: TakeDownOptions): Promise<TakenDown | undefined> {
  const succession = await import("./succession/take-down.ts");
  return succession.takeDown(options);
}

/** What routes and interfaces this machine has (checks/linux-network.ts). Errors say why they can't be read. */
export async function openNetwork(): Promise<Network> {
  const { createLinuxNetwork } = await import("./checks/linux-network.ts");
  return createLinuxNetwork();
}

/** One sentence that names the rights this process lacks for running a director, or undefined if it has them. */
export async function findMissingPrivileges(): Promise<string | undefined> {
  const { missingPrivileges } = await import("@yardmaster/linux");
  return missingPrivileges();
}
