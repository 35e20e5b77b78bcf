// `yardmaster ipvsadm …`: a command line of ipvsadm carried out on a running director. Pure but for the ports: it is
// told what runs, and gives back what is to be printed.
import {
  type Configuration,
  ConfigurationError,
  type ConnectionRow,
  type DirectorStatus,
  parseConfiguration,
} from "@yardmaster/director";
import { type Document, parseDocument } from "yaml";
import { type Command, type Listing, readCommand, type NameLookup } from "../ipvsadm/command.ts";
import type { ServiceKey } from "../ipvsadm/service.ts";
import { IpvsadmRefusal, splitLine } from "../ipvsadm/words.ts";
import { type ChangingCommand, edit, isChanging } from "./edit.ts";
import { helpText, versionText } from "./help.ts";
import { isKeyed, viewsOf } from "./view.ts";
import { formatConnections, formatRules, formatServices, type PortName } from "./listing.ts";

/** A configuration as text, and what it is known by. */
export interface KeptConfiguration {
  readonly text: string;
  readonly revision: string;
}

/** Somebody else changed the configuration since it was read. */
export class ChangedMeanwhile extends Error {
  override readonly name = "ChangedMeanwhile";
  readonly code = "YM_IPVSADM_CHANGED";
}

/** The director, and what else the command line has. */
export interface IpvsadmPorts {
  readonly read: () => Promise<KeptConfiguration>;
  /** Makes a text the configuration if `revision` is still that of what runs; else throws ChangedMeanwhile. */
  readonly write: (text: string, revision: string) => Promise<void>;
  readonly status: () => Promise<DirectorStatus>;
  /** Has listings count from now on, of the service of a name or of all. */
  readonly zero: (service: string | undefined) => Promise<void>;
  readonly connections: () => Promise<readonly ConnectionRow[]>;
  /** Standard input: the rules of `-R`. */
  readonly input: () => Promise<string>;
  readonly names: NameLookup & { readonly portName: PortName };
}

/** What is printed, and the exit status. */
export interface IpvsadmAnswer {
  readonly output: string;
  readonly errors: string;
  readonly status: number;
}

const MOST_ATTEMPTS = 10;

/** Carries a command line (without the program's name) out. What the director itself says is thrown. */
export async function runIpvsadm(words: readonly string[], ports: IpvsadmPorts): Promise<IpvsadmAnswer> {
  try {
    const command = readCommand(words, ports.names);
    if (command.kind === "restore") return await restore(ports);
    if (isChanging(command)) return answer(await change([command], ports));
    return await show(command, ports);
  } catch (error) {
    if (error instanceof IpvsadmRefusal) return { output: "", errors: `${error.message}\n`, status: error.status };
    if (error instanceof ConfigurationError) return refusedBy(error);
    throw error;
  }
}

/** A list of refusals; of one command its status is the answer's. */
function answer(refusals: readonly IpvsadmRefusal[]): IpvsadmAnswer {
  const errors = refusals.map(({ message }) => `${message}\n`).join("");
  return { output: "", errors, status: refusals[0]?.status ?? 0 };
}

/** What the configuration could not be, in one line for each fault. */
function refusedBy({ faults }: ConfigurationError): IpvsadmAnswer {
  const wrong = faults.filter(({ severity }) => severity === "error");
  const lines = wrong.map(({ message, hint }) => (hint === undefined ? message : `${message}; ${hint}`));
  return { output: "", errors: lines.map((line) => `${line}\n`).join(""), status: 255 };
}

/** Reads, changes, writes, again where somebody was quicker. What single commands are refused for is given back. */
async function change(commands: readonly ChangingCommand[], ports: IpvsadmPorts): Promise<readonly IpvsadmRefusal[]> {
  for (let attempt = 1; ; attempt++) {
    const { text, revision } = await ports.read();
    const document = parseDocument(text);
    const refusals: IpvsadmRefusal[] = [];
    for (const command of commands) refusals.push(...carryOut(document, command));
    if (refusals.length === commands.length) return refusals;
    try {
      await ports.write(document.toString({ lineWidth: 0 }), revision);
      return refusals;
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile) || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

function carryOut(document: Document, command: ChangingCommand): readonly IpvsadmRefusal[] {
  try {
    edit(document, command);
    return [];
  } catch (error) {
    if (error instanceof IpvsadmRefusal) return [error];
    throw error;
  }
}

/**
 * `-R`: rules from standard input, made all at once. As with ipvsadm, what cannot be is said and the rest done, a line
 * that is no rule ends it with the lines above it done, and what is not about rules is carried out in between.
 */
async function restore(ports: IpvsadmPorts): Promise<IpvsadmAnswer> {
  const waiting: ChangingCommand[] = [];
  const answers: IpvsadmAnswer[] = [];
  const flush = async (): Promise<void> => {
    if (waiting.length > 0) answers.push({ ...answer(await change(waiting.splice(0), ports)), status: 0 });
  };
  for (const line of (await ports.input()).split("\n")) {
    const words = splitLine(line);
    if (words.length === 0) continue;
    try {
      const command = readCommand(words, ports.names);
      if (isChanging(command)) {
        waiting.push(command);
        continue;
      }
      await flush();
      answers.push(await show(command, ports));
    } catch (error) {
      if (!(error instanceof IpvsadmRefusal)) throw error;
      await flush();
      answers.push(answer([error]));
      break;
    }
  }
  await flush();
  return {
    output: answers.map(({ output }) => output).join(""),
    errors: answers.map(({ errors }) => errors).join(""),
    status: answers.at(-1)?.status ?? 0,
  };
}

type ShowingCommand = Exclude<Command, ChangingCommand>;

async function show(command: ShowingCommand, ports: IpvsadmPorts): Promise<IpvsadmAnswer> {
  switch (command.kind) {
    case "help":
      return said([helpText]);
    case "version":
      return said([versionText]);
    case "list":
      return said(await list(command.listing, ports));
    case "save":
      return said(formatRules(await ports.status(), command.isNumeric ? () => undefined : ports.names.portName));
    case "restore":
      throw new IpvsadmRefusal(2, "rules cannot ask for further rules");
    case "zero":
      await zero(command.key, ports);
      return said([]);
    case "startDaemon":
    case "stopDaemon":
      throw new IpvsadmRefusal(255, "connections are not told to other directors: there is no sync daemon");
  }
}

async function zero(key: ServiceKey | undefined, ports: IpvsadmPorts): Promise<void> {
  if (key === undefined) return await ports.zero(undefined);
  const view = viewsOf(await ports.status()).find((one) => isKeyed(one, key));
  if (view === undefined) throw new IpvsadmRefusal(255, "No such service");
  return await ports.zero(view.status.name);
}

function said(lines: readonly string[]): IpvsadmAnswer {
  return { output: lines.map((line) => `${line}\n`).join(""), errors: "", status: 0 };
}

async function list(listing: Listing, ports: IpvsadmPorts): Promise<readonly string[]> {
  const { portName } = ports.names;
  switch (listing.what) {
    case "services": {
      const status = await ports.status();
      const shown = listing.columns === "thresholds" ? withOwnThresholds(status, await configured(ports)) : status;
      return formatServices(shown, listing, portName);
    }
    case "connections":
      return formatConnections(await ports.connections(), listing, portName);
    case "timeouts": {
      const { timeoutsMs } = (await configured(ports)).director;
      const times = [timeoutsMs.tcp, timeoutsMs.tcpFin, timeoutsMs.udp].map((ms) => Math.floor(ms / 1000));
      return [`Timeout (tcp tcpfin udp): ${times.join(" ")}`];
    }
    case "daemon":
      return [];
  }
}

async function configured(ports: IpvsadmPorts): Promise<Configuration> {
  const { text } = await ports.read();
  return parseConfiguration(text, "the running configuration").configuration;
}

/** The director shows the lower threshold in force, ipvsadm the one that was given, which may be none. */
function withOwnThresholds(status: DirectorStatus, { services }: Configuration): DirectorStatus {
  const own = new Map(
    services.flatMap(({ name, servers }) =>
      servers.map(({ address, port, lowerThreshold }) => [`${name} ${address} ${port}`, lowerThreshold] as const),
    ),
  );
  return {
    ...status,
    services: status.services.map((service) => ({
      ...service,
      servers: service.servers.map((server) => {
        const lowerThreshold = own.get(`${service.name} ${server.address} ${server.port}`);
        return { ...server, lowerThreshold: lowerThreshold ?? server.lowerThreshold };
      }),
    })),
  };
}
