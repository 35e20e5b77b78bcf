// What a change of the running director has done, for the commands that make one.
import type { MadeChange } from "@yardmaster/director";
import { print, printJson, printNote } from "./output.ts";

/** Prints it: what a program may want to read to stdout, that it is done to stderr. */
export async function printMade(made: MadeChange, { json }: { readonly json?: boolean }): Promise<void> {
  const { isEmpty, planText } = await import("@yardmaster/director");
  if (json === true) printJson(made);
  else print(planText(made));
  if (made.confirmWithinMs !== undefined) {
    printNote(
      `applied for ${made.confirmWithinMs / 1000} s: \`yardmaster confirm\` keeps it, \`yardmaster rollback\` does not`,
    );
  } else if (!isEmpty(made.diff)) printNote("applied");
}
