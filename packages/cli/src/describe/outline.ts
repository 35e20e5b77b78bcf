// The command line as data, read off commander's definition of it: what completions and the man page are made from.
import type { Argument, Command } from "commander";

/** An option of a command. */
export interface OptionOutline {
  /** As people write it: ["-f", "--file"]. */
  readonly names: readonly string[];
  readonly description: string;
  /** What stands for its value, "file"; absent where it takes none. */
  readonly value?: string;
  /** The only values it takes, if there are such. */
  readonly choices: readonly string[];
  readonly mandatory: boolean;
  /** The value where it is not given, if it is one that can be written so. */
  readonly otherwise?: string;
}

/** A command; the first one is the program itself. */
export interface CommandOutline {
  /** Its words behind the program's name: [] or ["realserver", "up"]. */
  readonly path: readonly string[];
  readonly description: string;
  /** What it takes without a name, as in its usage: "<file>", "[names...]"; words to choose from, if there are such. */
  readonly operands: readonly { readonly usage: string; readonly choices: readonly string[] }[];
  readonly options: readonly OptionOutline[];
  /** Names of the commands inside. */
  readonly inside: readonly string[];
}

/** The program and all commands, each before those inside it; hidden options and commands are left out. */
export function outlineOf(program: Command, path: readonly string[] = []): readonly CommandOutline[] {
  const help = program.createHelp();
  const inside = help.visibleCommands(program).filter((command) => command.name() !== "help");
  const own: CommandOutline = {
    path,
    description: program.description(),
    operands: program.registeredArguments.map((argument) => ({
      usage: operandUsage(argument),
      choices: argument.argChoices ?? [],
    })),
    options: help.visibleOptions(program).map((option) => {
      const initial: unknown = option.defaultValue;
      const value = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1];
      return {
        names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
        description: option.description,
        ...(value !== undefined && { value }),
        choices: option.argChoices ?? [],
        mandatory: option.mandatory,
        ...((typeof initial === "string" || typeof initial === "number") && { otherwise: String(initial) }),
      };
    }),
    inside: inside.map((command) => command.name()),
  };
  return [own, ...inside.flatMap((command) => outlineOf(command, [...path, command.name()]))];
}

function operandUsage(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** Whether a value is the name of a file or a folder. */
export function isPath(value: string): boolean {
  return /file|path|folder|directory/i.test(value);
}
