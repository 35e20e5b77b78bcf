// A script of ipvsadm commands, as far as it can be read without being run: lines that go on, several commands in a
// line, comments, and variables that are given a plain value. Whatever else a shell would do is left to it, and said.

/** A command of a script, or why there is none. */
export interface ScriptCommand {
  /** The first and the last of its lines, counted from 1. */
  readonly line: number;
  readonly lastLine: number;
  /** As it stands there. */
  readonly shown: string;
  /** For ipvsadm, without its name; or what keeps it from being one. */
  readonly command: { readonly text: string } | { readonly why: string };
}

const LONGEST_COMMAND = 4096;
const keywords = new Set(
  "if then elif else fi for while until do done case esac function { } [ [[ return exit".split(" "),
);
const NO_COMMAND = "it is no command of ipvsadm";
const NO_SHELL = "conditions and loops are not followed: commands in them are taken as they stand";

/** The commands of a text, in its order. Lines that only a shell needs, such as `VIP=10.0.0.1`, are none. */
export function* scriptCommands(text: string): Generator<ScriptCommand> {
  const variables = new Map<string, string>();
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const first = at;
    let whole = lines[at] ?? "";
    while (whole.endsWith("\\") && whole.length <= LONGEST_COMMAND && at + 1 < lines.length) {
      at++;
      whole = `${whole.slice(0, -1)} ${lines[at] ?? ""}`;
    }
    const shown = whole.trim();
    if (shown === "" || shown.startsWith("#")) continue;
    const place = { line: first + 1, lastLine: at + 1, shown };
    if (whole.length > LONGEST_COMMAND) {
      yield { ...place, command: { why: "the line is too long" } };
      continue;
    }
    let said = "";
    for (const part of partsOf(shown)) {
      const command = commandOf(part, variables);
      // Of one line one reason is enough.
      if (command === undefined || ("why" in command && command.why === said)) continue;
      if ("why" in command) said = command.why;
      yield { ...place, command };
    }
  }
}

/** What stands between `;` and `&&`, up to a comment; quotes keep all of it together. */
function partsOf(line: string): readonly string[] {
  const parts = [""];
  for (const [piece] of line.matchAll(/"[^"]*"?|'[^']*'?|&&|;|(?:(?!&&)[^"';\s])+|\s+/g)) {
    const last = parts.at(-1) ?? "";
    if (piece === ";" || piece === "&&") parts.push("");
    else if (piece.startsWith("#") && /(^|\s)$/.test(last)) break;
    else parts[parts.length - 1] = last + piece;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

/** Undefined: it was for the shell alone, and is understood. */
function commandOf(written: string, variables: Map<string, string>): ScriptCommand["command"] | undefined {
  // `then ipvsadm …` is a command like any other.
  const part = written.replace(/^(?:then|do|else)\s+/, "");
  const [, name, value] = /^(?:export\s+|readonly\s+)?([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\S*)$/.exec(part) ?? [];
  if (name !== undefined) {
    const plain = expanded((value ?? "").replaceAll(/^["']|["']$/g, ""), variables);
    // What a shell would have to run for has no value here.
    if (plain !== undefined && !/[`$]/.test(plain)) variables.set(name, plain);
    else variables.delete(name);
    return undefined;
  }
  const [firstWord = ""] = part.split(/\s/, 1);
  if (keywords.has(firstWord)) return { why: NO_SHELL };
  const text = expanded(part, variables);
  if (text === undefined) return { why: "with its variables the line is too long" };
  const [, unknown] = /\$\{?(\w+)/.exec(text) ?? [];
  const [, rest] = /^(?:\S*\/)?ipvsadm(?:\s+(.*))?$/s.exec(text) ?? [];
  const isRule = rest !== undefined || /^(?:\S*\/)?ipvsadm$/.test(text) || text.startsWith("-");
  if (isRule && unknown === undefined) return { text: rest ?? (text.startsWith("-") ? text : "") };
  if (unknown !== undefined && (isRule || text.startsWith("$"))) return { why: `nobody says here what $${unknown} is` };
  return { why: NO_COMMAND };
}

/** With the values of variables that have one; undefined where that is too long. */
function expanded(text: string, variables: ReadonlyMap<string, string>): string | undefined {
  if (!text.includes("$")) return text;
  let length = text.length;
  const result = text.replaceAll(
    /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g,
    (whole, braced?: string, bare?: string) => {
      const value = variables.get(braced ?? bare ?? "") ?? whole;
      length += value.length;
      return length > LONGEST_COMMAND ? "" : value;
    },
  );
  return length > LONGEST_COMMAND ? undefined : result;
}
