// The output of `ipvsadm -S` (or a script of ipvsadm commands) → services, and every line that is not carried over.
import { ImportError } from "../errors.ts";
import {
  type Imported,
  type ImportedServer,
  type ImportedService,
  Names,
  type NotCarried,
  type Origin,
} from "../imported.ts";
import { type Command, type NameLookup, readCommand } from "./command.ts";
import { endpointText, familyOfKey, type IpvsServer, type IpvsService, type ServiceKey } from "./service.ts";
import { scriptCommands } from "./script.ts";
import { matchDocument, serverDocument, settingsDocument } from "./to-document.ts";
import { IpvsadmRefusal, splitLine } from "./words.ts";

const SHOWN_COLUMNS = 160;
const MOST_REFUSED = 100_000;

interface Entry {
  service: IpvsService;
  readonly origin: Origin;
  /** By endpoint, in the order in which they were added. */
  readonly servers: Map<string, { server: IpvsServer; readonly origin: Origin }>;
}

/** Reads rules, or a script of commands; `-C` forgets what stands above it. Throws ImportError. */
export function importIpvsadm(text: string, file: string, names?: NameLookup): Imported {
  const rules = new Rules();
  let carried = 0;
  for (const { line, lastLine, shown, command } of scriptCommands(text)) {
    const origin: Origin = { file, line, lastLine, text: shown.slice(0, SHOWN_COLUMNS) };
    const why = "why" in command ? command.why : rules.take(command.text, origin, names);
    if (why === undefined) carried++;
    else rules.notCarried.push({ ...origin, why });
    if (rules.notCarried.length > MOST_REFUSED) {
      throw new ImportError("YM_IMPORT_SYNTAX", `reading ${file}: these are no rules of ipvsadm`);
    }
  }
  if (carried === 0 && rules.notCarried.length > 0) {
    const [first] = rules.notCarried;
    const message = `reading ${file}:${first?.line}: no line is a rule of ipvsadm: ${first?.why}`;
    throw new ImportError("YM_IMPORT_SYNTAX", message, { hint: "give it the output of `ipvsadm -S -n`" });
  }
  return rules.imported();
}

class Rules {
  readonly notCarried: NotCarried[] = [];
  readonly #entries = new Map<string, Entry>();
  #timeouts: Record<string, string> | undefined;

  /** Carries a line out; what it says where it cannot. */
  take(line: string, origin: Origin, names: NameLookup | undefined): string | undefined {
    try {
      return this.#carryOut(readCommand(splitLine(line), names), origin);
    } catch (error) {
      if (error instanceof IpvsadmRefusal) return `ipvsadm: ${error.message}`;
      throw error;
    }
  }

  #carryOut(command: Command, origin: Origin): string | undefined {
    switch (command.kind) {
      case "addService":
      case "editService":
        return this.#setService(command.service, command.kind === "editService", origin);
      case "removeService":
        return this.#entries.delete(keyText(command.key)) ? undefined : "no such service stands above";
      case "clear":
        this.#entries.clear();
        return undefined;
      case "addServer":
      case "editServer":
        return this.#setServer(command.key, command.server, command.kind === "editServer", origin);
      case "removeServer": {
        const entry = this.#entries.get(keyText(command.key));
        return entry?.servers.delete(command.name) === true ? undefined : "no such server stands above";
      }
      case "setTimeouts":
        this.#timeouts = timeoutsDocument(command.timeoutsS, this.#timeouts);
        return undefined;
      case "startDaemon":
      case "stopDaemon":
        return "connections are not told to other directors";
      case "restore":
      case "help":
      case "version":
      case "zero":
      case "save":
      case "list":
        return "it changes nothing that is kept";
    }
  }

  #setService(service: IpvsService, isEdited: boolean, origin: Origin): string | undefined {
    const identity = keyText(service.key);
    const entry = this.#entries.get(identity);
    if ((entry !== undefined) !== isEdited)
      return isEdited ? "no such service stands above" : "it stands above already";
    if (entry === undefined) this.#entries.set(identity, { service, origin, servers: new Map() });
    else entry.service = service;
    return undefined;
  }

  #setServer(key: ServiceKey, server: IpvsServer, isEdited: boolean, origin: Origin): string | undefined {
    const entry = this.#entries.get(keyText(key));
    if (entry === undefined) return "its service does not stand above";
    const name = endpointText(server.address, server.port);
    const known = entry.servers.get(name);
    if ((known !== undefined) !== isEdited) return isEdited ? "no such server stands above" : "it stands above already";
    if (known === undefined) entry.servers.set(name, { server, origin });
    else known.server = server;
    return undefined;
  }

  imported(): Imported {
    const names = new Names();
    const services = [...this.#entries.values()].map((entry) => importedService(entry, names));
    return { services, ...(this.#timeouts && { timeouts: this.#timeouts }), notCarried: this.notCarried };
  }
}

/** One text for each service. */
export function keyText(key: ServiceKey): string {
  return "mark" in key ? `mark ${key.mark} ${key.family}` : `${key.protocol} ${endpointText(key.address, key.port)}`;
}

/** Seconds of `--set` as the configuration writes them; 0 keeps what there was. */
export function timeoutsDocument(
  timeoutsS: readonly [number, number, number],
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const written = (["tcp", "tcpFin", "udp"] as const).map((word, at) => [word, timeoutsS[at] ?? 0] as const);
  const changed = written.filter(([, seconds]) => seconds > 0).map(([word, seconds]) => [word, `${seconds}s`]);
  return { ...before, ...(Object.fromEntries(changed) as Record<string, string>) };
}

function importedService({ service, origin, servers }: Entry, names: Names): ImportedService {
  const { key } = service;
  const list = [...servers.values()];
  const forwarding = mostFrequent(list.map(({ server }) => server.mode)) ?? "dr";
  const port = "mark" in key ? 0 : key.port;
  return {
    name:
      "mark" in key
        ? names.take("mark", key.mark, ...(familyOfKey(key) === "ipv6" ? ["ipv6"] : []))
        : names.take(key.protocol, key.address, port === 0 ? "any" : port),
    origin,
    document: { ...matchDocument(service), ...settingsDocument(service), forwarding, servers: [] },
    // The kernel puts each new server at the front of its list.
    servers: list
      .map((each): ImportedServer => ({ document: serverDocument(each.server, forwarding, port), origin: each.origin }))
      .toReversed(),
  };
}

/** Of equally frequent words the first. */
function mostFrequent<Word extends string>(words: readonly Word[]): Word | undefined {
  const counts = new Map<Word, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts.entries()].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}
