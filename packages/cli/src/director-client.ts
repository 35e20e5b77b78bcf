// The running director, for the commands that ask or change it.
import type { Command } from "commander";
import type { DirectorClient } from "@yardmaster/director";

/** Which director is meant. */
export interface SocketOptions {
  readonly socket?: string;
  readonly instance?: string;
}

/** Adds `--socket` to a command. */
export function addSocketOption(command: Command): Command {
  return command.option(
    "--socket <path>",
    "Unix socket of the director (default: YARDMASTER_SOCKET, /run/yardmaster/default.sock)",
  );
}

/** Adds `--socket` and `--instance` to a command that asks a director. */
export function addDirectorOptions(command: Command): Command {
  return addSocketOption(command).option(
    "--instance <name>",
    "the director of this instance (/run/yardmaster/NAME.sock)",
  );
}

/** A client of the director that is meant. */
export async function clientFor(place: SocketOptions): Promise<DirectorClient> {
  const { createClient, resolveSocketPath } = await import("@yardmaster/director");
  return createClient(resolveSocketPath(place));
}
