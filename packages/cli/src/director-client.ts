// The running director, for the commands that ask or change it.
import type { Command } from "commander";
import type { DirectorClient } from "@yardmaster/director";

/** Where the director answers. */
export interface SocketOptions {
  readonly socket?: string;
}

/** Adds `--socket` to a command. */
export function addSocketOption(command: Command): Command {
  return command.option(
    "--socket <path>",
    "Unix socket of the director (default: YARDMASTER_SOCKET, /run/yardmaster/default.sock)",
  );
}

/** A client of the director that answers there. */
export async function clientFor({ socket }: SocketOptions): Promise<DirectorClient> {
  const { createClient, resolveSocketPath } = await import("@yardmaster/director");
  return createClient(resolveSocketPath(socket));
}
