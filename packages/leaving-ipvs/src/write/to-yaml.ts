// What an import found → a configuration file that the director takes. What its parser would refuse is left out and
// listed with the parser's own words, so that one server that cannot be does not cost the whole file.
import { ConfigurationError, type ConfigurationFault, parseConfiguration } from "@yardmaster/director";
import { Document, isMap, isSeq } from "yaml";
import type { ServiceDocument } from "../document.ts";
import { ImportError } from "../errors.ts";
import type { Imported, ImportedServer, ImportedService, NotCarried, Origin } from "../imported.ts";
import { Places } from "./place.ts";

/** The file and what is not in it. */
export interface WrittenImport {
  readonly yaml: string;
  readonly notCarried: readonly NotCarried[];
  readonly services: number;
  readonly servers: number;
}

/** As many as people will read; the list itself is whole. */
const MOST_COMMENTED = 10_000;
/** Each round leaves out what the round before brought to light. */
const MOST_ROUNDS = 12;
const healthKeys = new Set(["check", "checks", "onDown", "quorum"]);

/** Writes an import as YAML; `source` is what was read, for the comment at its top. Throws ImportError. */
export function toYaml(imported: Imported, source: string): WrittenImport {
  const marked = imported.services.filter(({ document }) => document.mark !== undefined);
  const missed: NotCarried[] = [...imported.notCarried, ...marked.map(markNote)];
  let services: readonly ImportedService[] = imported.services.filter((service) => !marked.includes(service));
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const body = bodyOf(services, imported.timeouts);
    const faults = faultsOf(body);
    if (faults.length === 0) {
      const notCarried = missed.toSorted((a, b) => (a.file === b.file ? a.line - b.line : 0));
      const text = [head(source), body, markComment(marked), listComment(notCarried)].filter((part) => part !== "");
      const servers = services.reduce((sum, service) => sum + service.servers.length, 0);
      return { yaml: `${text.join("\n")}`, notCarried, services: services.length, servers };
    }
    services = leaveOut(services, faults, new Places(body), missed);
  }
  throw new ImportError("YM_IMPORT_FAILED", `importing ${source}: what was read makes no configuration`);
}

function faultsOf(text: string): readonly ConfigurationFault[] {
  try {
    parseConfiguration(text, "imported.yaml");
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.faults.filter(({ severity }) => severity === "error");
  }
}

function leaveOut(
  services: readonly ImportedService[],
  faults: readonly ConfigurationFault[],
  places: Places,
  missed: NotCarried[],
): readonly ImportedService[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const gone = new Set<ImportedServer>();
  const unchecked = new Set<ImportedServer>();
  const miss = (origin: Origin, { message }: ConfigurationFault) => missed.push({ ...origin, why: ofImport(message) });
  for (const fault of faults) {
    const place = places.at(fault.line, fault.column);
    const service = byName.get(place?.service ?? "");
    if (place === undefined || service === undefined) {
      // A service may have been left out for another fault already.
      if (place !== undefined) continue;
      throw new ImportError("YM_IMPORT_FAILED", `importing: the configuration would be wrong: ${fault.message}`);
    }
    const original = services.find(({ name }) => name === service.name);
    const server = place.server === undefined ? undefined : original?.servers[place.server];
    if (server !== undefined && place.isInCheck === true) {
      // Better a server that is not checked than none.
      if (!unchecked.has(server)) miss(server.origin, fault);
      unchecked.add(server);
    } else if (server !== undefined) {
      if (!gone.has(server)) miss(server.origin, fault);
      gone.add(server);
    } else if (place.key === "sorryServer" && service.sorryServer !== undefined) {
      miss(service.sorryServer.origin, fault);
      const { sorryServer: _dropped, ...rest } = service;
      byName.set(service.name, rest);
    } else if (healthKeys.has(place.key ?? "")) {
      // The file itself says nothing of onDown.
      if (place.key !== "onDown") miss(service.origin, fault);
      byName.set(service.name, withoutHealth(service));
    } else if (place.key !== "sorryServer") {
      miss(service.origin, fault);
      byName.delete(service.name);
    }
  }
  return [...byName.values()].map((service) => ({
    ...service,
    servers: service.servers
      .filter((server) => !gone.has(server))
      .map((server) => (unchecked.has(server) ? withoutChecks(server) : server)),
  }));
}

/** Lines of what was written are nothing to those who see what was read. */
function ofImport(message: string): string {
  return message.replace(/ is already on line \d+/, " is there already").replace(/ on line \d+/, "");
}

function withoutHealth({ document, servers, ...rest }: ImportedService): ImportedService {
  const { onDown: _onDown, quorum: _quorum, ...others } = document;
  return { ...rest, document: others, servers: servers.map(withoutChecks) };
}

function withoutChecks({ document: { checks: _checks, ...document }, origin }: ImportedServer): ImportedServer {
  return { document, origin };
}

/** The file without comments. */
function bodyOf(services: readonly ImportedService[], timeouts: Imported["timeouts"]): string {
  const entries = services.map((service) => [service.name, serviceDocument(service)]);
  const document = new Document({
    ...(timeouts !== undefined && { director: { timeouts } }),
    services: Object.fromEntries(entries) as Record<string, unknown>,
  });
  for (const name of services.map((service) => service.name)) {
    const entry = document.getIn(["services", name]);
    if (!isMap(entry)) continue;
    for (const key of ["check", "sorryServer", "persistence", "addresses", "schedulerOptions", "encapsulation"])
      flow(entry.get(key));
    for (const key of ["checks", "servers"]) {
      const list = entry.get(key);
      if (isSeq(list)) for (const item of list.items) flow(item);
    }
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function flow(node: unknown): void {
  if (isMap(node) || isSeq(node)) node.flow = true;
}

/** Checks that all servers share stand at the service. */
function serviceDocument({
  document,
  servers,
  sorryServer,
}: ImportedService): ServiceDocument | Record<string, unknown> {
  const own = servers.map((server) => JSON.stringify(server.document.checks ?? []));
  const isShared = own.length > 0 && own[0] !== "[]" && own.every((text) => text === own[0]);
  const { onDown, quorum, servers: _none, ...first } = document;
  return {
    ...first,
    ...(isShared && checksDocument(servers[0]?.document.checks)),
    ...(onDown !== undefined && { onDown }),
    ...(quorum !== undefined && { quorum }),
    ...(sorryServer !== undefined && { sorryServer: sorryServer.document }),
    servers: servers.map(({ document: { checks, ...server } }) => ({
      ...server,
      ...(!isShared && checksDocument(checks)),
    })),
  };
}

function checksDocument(checks: readonly unknown[] | undefined): Record<string, unknown> {
  if (checks === undefined || checks.length === 0) return {};
  return checks.length === 1 ? { check: checks[0] } : { checks };
}

function head(source: string): string {
  const order = "Servers stand in the kernel's order: the one that was added last comes first.";
  return `# Imported from ${printable(source)}. ${order}`;
}

function markNote({ document, origin }: ImportedService): NotCarried {
  const why = `which packets have mark ${document.mark} is the firewall's to say: write it under director.marks`;
  return { ...origin, why: `${why} (the service stands in the comments)` };
}

/** Services of marks, ready but for what the firewall knows. */
function markComment(marked: readonly ImportedService[]): string {
  if (marked.length === 0) return "";
  const marks = [...new Set(marked.map(({ document }) => document.mark))];
  const lines = [
    "Services of firewall marks. Yardmaster looks at packets before the firewall marks them: say here which these are.",
    "director:",
    "  marks:",
    ...marks.map((mark) => `    - { mark: ${mark}, address: ADDRESS-OR-PREFIX, port: PORT, protocol: tcp }`),
    ...bodyOf(marked, undefined).trimEnd().split("\n"),
  ];
  return `${lines.map((line) => `# ${line}`).join("\n")}\n`;
}

function listComment(notCarried: readonly NotCarried[]): string {
  if (notCarried.length === 0) return "";
  const shown = notCarried.slice(0, MOST_COMMENTED).map((each) => `#   ${formatNotCarried(each)}`);
  const rest = notCarried.length - shown.length;
  const more = rest > 0 ? [`#   … and ${rest} more`] : [];
  return `${["# Not carried over:", ...shown, ...more].join("\n")}\n`;
}

/** One line: place, what stands there, why. */
export function formatNotCarried({ file, line, lastLine, text, why }: NotCarried): string {
  const place = lastLine > line ? `${file}:${line}-${lastLine}` : `${file}:${line}`;
  const shown = lastLine > line ? text.replace(/\s*\{$/, " {…}") : text;
  return printable(`${place}: ${shown}: ${why}`);
}

/** Control characters would end a comment, or be obeyed by a terminal. */
function printable(text: string): string {
  return text.replaceAll("\t", " ").replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e]/gu, "?");
}
