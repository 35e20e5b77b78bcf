// ipvsadm's command line → an action and options, with the texts and exit statuses of ipvsadm 1.31 where it refuses
// one (heard from it, on Linux 6.1). What the options mean together: command.ts.

/** ipvsadm refuses: `message` is all that it prints, on stderr, before it ends with `status`. */
export class IpvsadmRefusal extends Error {
  override readonly name = "IpvsadmRefusal";
  readonly code = "YM_IPVSADM";
  /** 2: a wrong command line; 255: what was asked for failed, or no such option. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Ends with a message about usage. */
export function usage(message: string): IpvsadmRefusal {
  return new IpvsadmRefusal(2, message);
}

/** Actions by their long names, and their letters. */
const actions = {
  "add-service": "A",
  "edit-service": "E",
  "delete-service": "D",
  clear: "C",
  "add-server": "a",
  "edit-server": "e",
  "delete-server": "d",
  list: "Ll",
  restore: "R",
  save: "S",
  zero: "Z",
  set: "",
  "start-daemon": "",
  "stop-daemon": "",
  help: "h",
  version: "v",
} as const;

/** What a command line asks for. */
export type Action = keyof typeof actions;

/** Options: their letter, whether they take a value, and the name in messages where several are one. */
const options = {
  "tcp-service": { letter: "t", takes: "value", as: "service-address" },
  "udp-service": { letter: "u", takes: "value", as: "service-address" },
  "sctp-service": { letter: "", takes: "value", as: "service-address" },
  "fwmark-service": { letter: "f", takes: "value", as: "service-address" },
  ipv6: { letter: "6", takes: "nothing" },
  scheduler: { letter: "s", takes: "value" },
  pe: { letter: "", takes: "value" },
  persistent: { letter: "p", takes: "perhaps" },
  netmask: { letter: "M", takes: "value" },
  "real-server": { letter: "r", takes: "value" },
  gatewaying: { letter: "g", takes: "nothing", as: "forwarding-method" },
  ipip: { letter: "i", takes: "nothing", as: "forwarding-method" },
  masquerading: { letter: "m", takes: "nothing", as: "forwarding-method" },
  "tun-type": { letter: "", takes: "value" },
  "tun-port": { letter: "", takes: "value" },
  "tun-nocsum": { letter: "", takes: "nothing" },
  "tun-csum": { letter: "", takes: "nothing" },
  "tun-remcsum": { letter: "", takes: "nothing" },
  weight: { letter: "w", takes: "value" },
  "u-threshold": { letter: "x", takes: "value" },
  "l-threshold": { letter: "y", takes: "value" },
  connection: { letter: "c", takes: "nothing" },
  timeout: { letter: "", takes: "nothing" },
  daemon: { letter: "", takes: "nothing" },
  stats: { letter: "", takes: "nothing" },
  rate: { letter: "", takes: "nothing" },
  exact: { letter: "", takes: "nothing" },
  thresholds: { letter: "", takes: "nothing" },
  "persistent-conn": { letter: "", takes: "nothing" },
  "tun-info": { letter: "", takes: "nothing" },
  nosort: { letter: "", takes: "nothing" },
  sort: { letter: "", takes: "nothing" },
  ops: { letter: "o", takes: "nothing" },
  numeric: { letter: "n", takes: "nothing" },
  "sched-flags": { letter: "b", takes: "value" },
  syncid: { letter: "", takes: "value" },
  "sync-maxlen": { letter: "", takes: "value" },
  "mcast-interface": { letter: "", takes: "value" },
  "mcast-group": { letter: "", takes: "value" },
  "mcast-port": { letter: "", takes: "value" },
  "mcast-ttl": { letter: "", takes: "value" },
} as const satisfies Readonly<Record<string, OptionShape>>;

interface OptionShape {
  readonly letter: string;
  readonly takes: "value" | "nothing" | "perhaps";
  readonly as?: string;
}

/** The long name of an option. */
export type OptionName = keyof typeof options;

/** A command line, taken apart. */
export interface Words {
  readonly action: Action;
  /** Without a value: the empty text. */
  readonly options: ReadonlyMap<OptionName, string>;
  /** What belongs to no option. */
  readonly rest: readonly string[];
}

type Found = { readonly action: Action } | { readonly option: OptionName; readonly value: string };

const shapes: Readonly<Record<OptionName, OptionShape>> = options;
const actionByLetter = new Map(
  Object.entries(actions).flatMap(([name, letters]) => [...letters].map((l) => [l, name])),
);
const optionByLetter = new Map(Object.entries(shapes).map(([name, { letter }]) => [letter, name]));

const tryHelp = () => new IpvsadmRefusal(255, "Try `ipvsadm -h' or 'ipvsadm --help' for more information.");

/** Takes a command line apart (without the program's name). Throws IpvsadmRefusal. */
export function readWords(words: readonly string[]): Words {
  const queue = [...words];
  const rest: string[] = [];
  let action: Action | undefined;
  const found = new Map<OptionName, string>();
  const names = new Set<string>();
  while (queue.length > 0) {
    const word = queue.shift() ?? "";
    if (!word.startsWith("-") || word === "-") {
      rest.push(word);
      continue;
    }
    for (const each of readWord(word, queue, action === undefined)) {
      if ("action" in each) {
        if (action !== undefined) throw usage(`invalid option \`${word}'`);
        action = each.action;
        continue;
      }
      if (action === undefined) throw tryHelp();
      const name = shapes[each.option].as ?? each.option;
      if (names.has(name)) throw usage(`multiple '${name}' options specified`);
      names.add(name);
      found.set(each.option, each.value);
    }
  }
  // Nothing at all lists; other words alone ask for nothing.
  if (action === undefined && words.length > 0) throw tryHelp();
  return { action: action ?? "list", options: found, rest };
}

/** One word: `--long`, `--long=value`, or letters, of which the last may have its value behind it. */
function* readWord(word: string, queue: string[], isFirst: boolean): Generator<Found> {
  const [, long, given] = /^--([a-z0-9-]+)(?:=([\s\S]*))?$/.exec(word) ?? [];
  if (long !== undefined) {
    if (Object.hasOwn(actions, long)) yield { action: long as Action };
    else if (Object.hasOwn(options, long)) yield optionOf(long as OptionName, word, given, queue);
    else throw unknown(word, isFirst);
    return;
  }
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? "";
    const action = actionByLetter.get(letter);
    const option = optionByLetter.get(letter);
    if (action !== undefined) yield { action: action as Action };
    else if (option === undefined) throw unknown(word, isFirst && at === 1);
    else if (shapes[option as OptionName].takes === "nothing") yield { option: option as OptionName, value: "" };
    else {
      const behind = word.slice(at + 1).replace(/^=/, "");
      yield optionOf(option as OptionName, `-${letter}`, behind === "" ? undefined : behind, queue);
      return;
    }
  }
}

function unknown(word: string, isFirst: boolean): IpvsadmRefusal {
  return isFirst ? tryHelp() : new IpvsadmRefusal(255, `${word}: unknown option`);
}

function optionOf(option: OptionName, word: string, given: string | undefined, queue: string[]): Found {
  const { takes } = shapes[option];
  if (takes === "nothing") return { option, value: "" };
  if (given !== undefined) return { option, value: given };
  const [next] = queue;
  const isValue = next !== undefined && (takes === "value" || !next.startsWith("-"));
  if (isValue) queue.shift();
  else if (takes === "value") throw new IpvsadmRefusal(255, `${word}: missing argument`);
  return { option, value: isValue ? next : "" };
}

/** Splits a line of a rules file as ipvsadm -R does: at spaces; quotes keep words together. */
export function splitLine(line: string): readonly string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? "",
  );
}
