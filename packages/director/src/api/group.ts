// The group that may use the Unix socket, by its name or number.
import { readFileSync } from "node:fs";
import { DirectorError } from "../errors.ts";

/** The number of a group by its name in /etc/group (group(5)), or the number itself. Throws YM_API_GROUP. */
export function groupNumber(group: string, path = "/etc/group"): number {
  if (/^\d{1,9}$/.test(group)) return Number(group);
  let lines: readonly string[] = [];
  try {
    lines = readFileSync(path, "utf8").split("\n");
  } catch (cause) {
    throw new DirectorError("YM_API_GROUP", `looking up the group "${group}": ${(cause as Error).message}`, { cause });
  }
  for (const line of lines) {
    const [name, , number] = line.split(":");
    if (name === group && number !== undefined && /^\d+$/.test(number)) return Number(number);
  }
  throw new DirectorError("YM_API_GROUP", `giving the API's socket to the group "${group}": there is no such group`, {
    hint: `${path} has them; a number is taken, too`,
  });
}
