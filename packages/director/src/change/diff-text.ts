// The differences of two configurations, as text for people: one line for the log, or all of it.

import type { ConfigurationDiff, ConnectionCost, ServerDiff, ServiceDiff } from "./diff.ts";
import { isEmpty } from "./diff.ts";
import { fieldText, valueText } from "./field-text.ts";
import type { PlannedChange } from "./planned-change.ts";

const signs = { added: "+", changed: "~", removed: "-" } as const;
/** What a line of the log may hold of names. */
const SHOWN = 8;

/** All of it, a line each. */
export function planText({ diff, program, warnings }: PlannedChange): string {
  if (isEmpty(diff)) return "nothing changes";
  const cost = totalCost(diff);
  return [
    ...diff.director.map((change) => `~ director.${fieldText(change)}`),
    ...diff.services.flatMap(serviceLines),
    ...(cost === "" ? [] : [cost]),
    program.program === "kept"
      ? "program: kept, only its tables change"
      : `program: exchanged, because of ${program.because}; connections go on`,
    ...warnings.map(({ message }) => `warning: ${message}`),
  ].join("\n");
}

/** What a log has room for: `2 services added (a, b), 1 changed (web: server 10.0.0.12:80 removed)`. */
export function diffLine(diff: ConfigurationDiff): string {
  if (isEmpty(diff)) return "nothing";
  const parts = (["added", "changed", "removed"] as const).flatMap((kind) => {
    const of = diff.services.filter(({ change }) => change === kind);
    if (of.length === 0) return [];
    const names = of.slice(0, SHOWN).map((service) => (kind === "changed" ? detail(service) : service.name));
    return [`${of.length} ${of.length === 1 ? "service" : "services"} ${kind} (${joined(names, of.length)})`];
  });
  const settings = diff.director.map((change) => `director.${fieldText(change)}`);
  return [...settings, ...parts].join(", ");
}

function detail({ name, fields, servers, isReordered }: ServiceDiff): string {
  const said = [
    ...fields.map(fieldText),
    ...servers.map(({ change, server, fields: own }) =>
      change === "changed" ? `server ${server} ${own.map(fieldText).join(" and ")}` : `server ${server} ${change}`,
    ),
    ...(isReordered ? ["order"] : []),
  ];
  return `${name}: ${joined(said.slice(0, SHOWN), said.length)}`;
}

function joined(shown: readonly string[], count: number): string {
  return shown.join(", ") + (count > shown.length ? ` and ${count - shown.length} more` : "");
}

function serviceLines({ change, name, match, fields, servers, isReordered, slots }: ServiceDiff): readonly string[] {
  return [
    `${signs[change]} service ${name} (${match})`,
    ...fields.map((field) => `    ~ ${fieldText(field)}`),
    ...servers.map((server) => `    ${serverText(server)}`),
    ...(isReordered ? ["    ~ order of servers"] : []),
    ...(slots === undefined
      ? []
      : [
          `    slots: ${percent(slots.movedShare)} of ${slots.slots} lead elsewhere (${percent(slots.idealShare)} ` +
            "is the least that these weights ask for)",
        ]),
  ];
}

function serverText({ change, server, fields, cost }: ServerDiff): string {
  const shown = change === "added" ? fields.filter(({ field }) => field === "weight") : fields;
  const said =
    change === "added" ? shown.map(({ field, after }) => `${field} ${valueText(after)}`) : shown.map(fieldText);
  const price = cost === undefined ? "" : `: ${costText(cost)}`;
  return [`${signs[change]} server ${server}${price}`, ...said].join(", ");
}

function costText({ connections, fate }: ConnectionCost): string {
  if (connections === 0) return "it has no connections";
  return `${connections} ${connections === 1 ? "connection" : "connections"} ${fate}`;
}

function totalCost({ services }: ConfigurationDiff): string {
  const costs = services.flatMap(({ servers }) => servers.flatMap(({ cost }) => cost ?? []));
  const sum = (fate: string) => costs.reduce((all, one) => all + (one.fate === fate ? one.connections : 0), 0);
  const said = ["kept", "drained", "cut"].flatMap((fate) => (sum(fate) === 0 ? [] : [`${sum(fate)} ${fate}`]));
  return said.length === 0 ? "" : `connections: ${said.join(", ")}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
