// The man page, yardmaster(8), in the man macros (man(7) of groff): packaging/yardmaster.8 is what this makes.
import type { CommandOutline, OptionOutline } from "./outline.ts";

const front = `yardmaster is a layer-4 load balancer: Linux Virtual Server re-created and taken further.
Its data plane is an XDP program that it compiles for the configuration at hand and loads with
.BR bpf (2).
.PP
Programs, services and connections outlive the process:
.B yardmaster run
takes over what the last one left, and
.B yardmaster down
ends it.`;

const back = `.SH EXIT STATUS
0: done; 1: what was asked for failed; 2: wrong usage, or a bad configuration.
.SH ENVIRONMENT
.TP
.B YARDMASTER_SOCKET
The Unix socket of the director to ask, unless
.B \\-\\-socket
names one.
.TP
.B YARDMASTER_DEBUG
With 1, errors come with the places in the code that they come from.
.SH FILES
.TP
.I /etc/yardmaster/yardmaster.yaml
The configuration of the service that packaging/yardmaster.service describes.
.TP
.I /run/yardmaster/default.sock
The socket of a machine's director.
.TP
.I /sys/fs/bpf/yardmaster/
What outlives the process: maps, programs and links, one folder for each instance.
.SH SEE ALSO
.BR ip (8),
.BR ipvsadm (8),
.BR systemd.service (5)`;

/** The page's source. */
export function manPage(commands: readonly CommandOutline[], version: string): string {
  const [program, ...rest] = commands;
  const options = program === undefined ? [] : program.options;
  return [
    `.\\" Made from the definition of the command line by packages/cli/src/describe; its test says how.`,
    `.TH YARDMASTER 8 "" "yardmaster ${version}" "System administration"`,
    ".SH NAME",
    `yardmaster \\- ${escape(program?.description ?? "")}`,
    ".SH SYNOPSIS",
    ".B yardmaster",
    ".I command",
    "[options]",
    ".SH DESCRIPTION",
    front,
    ".SH OPTIONS",
    ...options.flatMap(optionLines),
    ".SH COMMANDS",
    ...rest.flatMap(commandLines),
    back,
    "",
  ].join("\n");
}

function commandLines({ path, description, operands, inside, ...command }: CommandOutline): readonly string[] {
  // Said once, for all commands.
  const options = command.options.filter(({ names }) => !names.includes("--help"));
  const usage = [...operands.map((operand) => operand.usage), ...(options.length > 0 ? ["[options]"] : [])];
  const title = inside.length > 0 ? `${path.join(" ")} ${inside.join("|")}` : [...path, ...usage].join(" ");
  return [`.SS yardmaster ${escape(title)}`, `${line(sentence(description))}`, ...options.flatMap(optionLines)];
}

function optionLines({ names, value, description, choices, mandatory, otherwise }: OptionOutline): readonly string[] {
  const shown = names.map((name) => `\\fB${escape(name)}\\fR`).join(", ");
  const notes = [
    ...(choices.length > 0 ? [`One of: ${choices.join(", ")}.`] : []),
    ...(otherwise === undefined ? [] : [`Default: ${otherwise}.`]),
    ...(mandatory ? ["It must be given."] : []),
  ];
  return [
    ".TP",
    value === undefined ? shown : `${shown} \\fI${escape(value)}\\fR`,
    line([sentence(description), ...notes].join(" ")),
  ];
}

function sentence(text: string): string {
  const first = text.slice(0, 1).toUpperCase() + text.slice(1);
  return /[.?!]$/.test(first) ? first : `${first}.`;
}

/** Text that begins a line: a dot or an apostrophe there would be a request to groff. */
function line(text: string): string {
  const escaped = escape(text);
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
}
