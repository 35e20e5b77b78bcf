// Where the director's API is found unless someone says otherwise.

/** The socket of the only director of a machine. */
export const defaultSocketPath = "/run/yardmaster/default.sock";

/** The socket to use: what was asked for, else YARDMASTER_SOCKET, else the default. */
export function resolveSocketPath(
  asked: string | undefined,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const fromEnvironment = environment["YARDMASTER_SOCKET"];
  return asked ?? (fromEnvironment === undefined || fromEnvironment === "" ? defaultSocketPath : fromEnvironment);
}
