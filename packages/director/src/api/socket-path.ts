// Where the director's API is found unless someone says otherwise.

import { join } from "node:path";

const DIRECTORY = "/run/yardmaster";
const DEFAULT_INSTANCE = "default";

/** The socket of the only director of a machine. */
export const defaultSocketPath = join(DIRECTORY, `${DEFAULT_INSTANCE}.sock`);

/** Which director is meant. */
export interface DirectorPlace {
  readonly socket?: string | undefined;
  readonly instance?: string | undefined;
}

/** The socket to use: what was asked for, else that of the instance, else YARDMASTER_SOCKET, else the default. */
export function resolveSocketPath(
  { socket, instance = DEFAULT_INSTANCE }: DirectorPlace = {},
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (socket !== undefined) return socket;
  if (instance !== DEFAULT_INSTANCE) return join(DIRECTORY, `${instance}.sock`);
  const fromEnvironment = environment["YARDMASTER_SOCKET"];
  return fromEnvironment === undefined || fromEnvironment === "" ? defaultSocketPath : fromEnvironment;
}
