// ipvsadm's command line, as packet vectors use it for their set-up: the commands that change something.
import { type Command as AnyCommand, readCommand } from "@yardmaster/leaving-ipvs";

export { netmaskLength } from "@yardmaster/leaving-ipvs";

/** What a command asks for. */
export type Command = Exclude<AnyCommand, { readonly kind: Unused }>;

type Unused = (typeof unused)[number];

const unused = ["stopDaemon", "restore", "help", "version", "zero", "save", "list"] as const;

/** Reads a command without the program's name, such as "-A -t 10.3.0.1:80 -s rr"; throws for what it does not know. */
export function parseIpvsadm(command: string): Command {
  try {
    const read = readCommand(command.trim().split(/\s+/));
    if (isUsed(read)) return read;
    throw new Error(`a set-up has no use for ${read.kind}`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`reading "ipvsadm ${command}": ${message}`, { cause: error });
  }
}

function isUsed(command: AnyCommand): command is Command {
  return !(unused as readonly string[]).includes(command.kind);
}
