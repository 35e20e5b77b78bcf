// Completions for shells: scripts that know the commands, their options and the words that these take, and ask nothing
// of `yardmaster` while someone types. All three find out which command is meant in the same way: word by word.
import { type CommandOutline, isPath, type OptionOutline } from "./outline.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** The script for a shell, to be evaluated by it or put where it looks for completions. */
export function completionScript(shell: Shell, commands: readonly CommandOutline[]): string {
  return { bash, zsh, fish }[shell](commands);
}

/** "/realserver/up": how scripts call a command; the program itself is "". */
function place({ path }: CommandOutline): string {
  return path.map((word) => `/${word}`).join("");
}

/** A case of `case … esac` for every option that takes a value: files, the words it takes, or nothing that is known. */
function valueCases(
  commands: readonly CommandOutline[],
  offer: (words: readonly string[]) => string,
  files: string,
): readonly string[] {
  return commands.flatMap((command) =>
    command.options
      .filter(({ value }) => value !== undefined)
      .map(({ names, value = "", choices }) => {
        const patterns = names.map((name) => `"${place(command)}:${name}"`).join("|");
        const answer = choices.length > 0 ? offer(choices) : isPath(value) ? files : ":";
        return `    ${patterns}) ${answer}; return ;;`;
      }),
  );
}

function wordsOf(command: CommandOutline): readonly string[] {
  return [...command.inside, ...command.operands.flatMap(({ choices }) => choices)];
}

function bash(commands: readonly CommandOutline[]): string {
  const offer = (words: readonly string[]): string =>
    `COMPREPLY=($(compgen -W ${quote(words.join(" "))} -- "$current"))`;
  return `# bash completion for yardmaster; made by: yardmaster completion bash
_yardmaster() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" place="" word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$place/$word" in
      ${placesOf(commands)}) place="$place/$word" ;;
    esac
  done
  case "$place:$previous" in
${valueCases(commands, offer, 'COMPREPLY=($(compgen -f -- "$current"))').join("\n")}
  esac
  case "$place" in
${commands
  .map((command) => {
    const options = command.options.flatMap(({ names }) => names);
    return `    "${place(command)}") ${offer([...wordsOf(command), ...options])} ;;`;
  })
  .join("\n")}
  esac
  [[ $current != -* && \${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _yardmaster yardmaster`;
}

function zsh(commands: readonly CommandOutline[]): string {
  const described = (word: string, description: string): string =>
    quote(`${word.replaceAll(":", "\\:")}:${description}`);
  const descriptions = new Map(commands.map((command) => [place(command), command.description]));
  return `#compdef yardmaster
# zsh completion for yardmaster; made by: yardmaster completion zsh
_yardmaster() {
  local place="" word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$place/$word" in
      ${placesOf(commands)}) place="$place/$word" ;;
    esac
  done
  case "$place:\${words[CURRENT-1]}" in
${valueCases(commands, (words) => `compadd -- ${words.join(" ")}`, "_files").join("\n")}
  esac
  case "$place" in
${commands
  .map((command) => {
    const words = wordsOf(command).map((word) =>
      described(word, descriptions.get(`${place(command)}/${word}`) ?? word),
    );
    const options = command.options.flatMap(({ names, description }) =>
      names.map((name) => described(name, description)),
    );
    return `    "${place(command)}") found=(${[...words, ...options].join(" ")}) ;;`;
  })
  .join("\n")}
  esac
  _describe yardmaster found || _files
}
# Found in fpath it is the function itself, the first time; evaluated, it only makes the function known.
if [[ "\${funcstack[1]}" == _yardmaster ]]; then _yardmaster "$@"; else compdef _yardmaster yardmaster; fi`;
}

function fish(commands: readonly CommandOutline[]): string {
  const descriptions = new Map(commands.map((command) => [place(command), command.description]));
  const lines = commands.flatMap((command) => {
    const at = `complete -c yardmaster -n 'test (__yardmaster_place)x = ${place(command)}x'`;
    const words = wordsOf(command).map((word) => {
      return `${at} -a ${word} -d ${quoteFish(descriptions.get(`${place(command)}/${word}`) ?? word)}`;
    });
    return [...words, ...command.options.map((option) => `${at} ${fishOption(option)}`)];
  });
  return `# fish completion for yardmaster; made by: yardmaster completion fish
function __yardmaster_place
  set -l place ""
  for word in (commandline -opc)[2..-1]
    switch "$place/$word"
      case ${commands.slice(1).map(place).join(" ")}
        set place "$place/$word"
    end
  end
  echo $place
end
complete -c yardmaster -f
${lines.join("\n")}`;
}

function fishOption({ names, description, value, choices }: OptionOutline): string {
  const parts = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  if (choices.length > 0) parts.push(`-x -a ${quoteFish(choices.join(" "))}`);
  else if (value !== undefined) parts.push(isPath(value) ? "-r -F" : "-x");
  return [...parts, `-d ${quoteFish(description)}`].join(" ");
}

function placesOf(commands: readonly CommandOutline[]): string {
  return commands
    .slice(1)
    .map((command) => `"${place(command)}"`)
    .join("|");
}

/** A word in single quotes, for sh and its kin. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function quoteFish(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", String.raw`\'`)}'`;
}
