// Prints the commands that make a director's network, for harness-testrun.sh.
import { directorCommands } from "./network.ts";

process.stdout.write(`${directorCommands().join("\n")}\n`);
