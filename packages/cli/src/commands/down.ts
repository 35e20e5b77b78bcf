// `yardmaster down`: the end of an instance, with its director where one runs, and of everything that it left at work.
import type { TakenDown } from "@yardmaster/director";
import type { Command } from "commander";
import { addSocketOption, type SocketOptions } from "../director-client.ts";
import { printNote } from "../output.ts";

interface DownOptions extends SocketOptions {
  readonly instance: string;
  readonly stateDirectory?: string;
}

/** Adds the command to the program. */
export function addDownCommand(program: Command): void {
  const down = program
    .command("down")
    .description("stop the director if it runs, and take off what it left at work: programs, services, connections")
    .option("--instance <name>", "the instance that it runs or ran as", "default")
    .option("--state-directory <path>", "where it keeps its state (default: /var/lib/yardmaster)");
  addSocketOption(down).action(async ({ instance, stateDirectory, socket }: DownOptions) => {
    const { defaultStateDirectory, resolveSocketPath, takeDown } = await import("@yardmaster/director");
    const taken = await takeDown({
      ...{
        instance,
        stateDirectory: stateDirectory ?? defaultStateDirectory,
        socketPath: resolveSocketPath({ socket, instance }),
      },
    });
    if (taken === undefined) printNote(`there is nothing of instance "${instance}"`);
    else for (const line of takenText(instance, taken)) printNote(line);
  });
}

/** What was done, a line each, and the result at the end. */
export function takenText(instance: string, { stopped, interfaces, removed }: TakenDown): readonly string[] {
  return [
    ...(stopped === undefined ? [] : [`stopped the director (pid ${stopped.pid}, answering on ${stopped.socketPath})`]),
    interfaces.length === 0 ? "no program was attached" : `took the programs off ${interfaces.join(", ")}`,
    ...removed.map((path) => `removed ${path}`),
    `instance "${instance}" is down: its services and connections are gone`,
  ];
}
