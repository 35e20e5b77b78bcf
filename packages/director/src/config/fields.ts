// What each place of the configuration may hold, as data: the one table behind the schema (validation, JSON Schema)
// and behind the texts that say what is wrong and what would be right.
import { compatibilities, hooks, plannedHooks } from "../model/configuration.ts";
import { forwardingMethods, plannedForwardingMethods } from "../model/forwarding-method.ts";
import { schedulers } from "../model/scheduler.ts";
import { protocols } from "../model/virtual-service.ts";
import type { Path } from "./source.ts";

/** A whole number with bounds. */
export interface IntegerField {
  readonly kind: "integer";
  readonly minimum: number;
  readonly maximum: number;
  readonly meaning: string;
}

/** One of several words; `planned` are understood and refused as not built yet. */
export interface ChoiceField<Word extends string = string> {
  readonly kind: "choice";
  readonly words: readonly [Word, ...Word[]];
  readonly planned: readonly string[];
  readonly meaning: string;
}

/** Text of another form than a word from a list. */
export interface TextField {
  readonly kind: "address" | "duration" | "interface" | "name";
  readonly meaning: string;
}

/** A map or a list; `planned` are keys of it that are understood and refused as not built yet. */
export interface GroupField {
  readonly kind: "map" | "list";
  readonly planned: readonly string[];
  readonly meaning: string;
}

export type Field = IntegerField | ChoiceField | TextField | GroupField;

/** Shortest and longest duration of a timeout: at 1,000 ticks a second, 31 bits of ticks are 24.8 days. */
export const timeoutRangeMs = { minimum: 1_000, maximum: 20 * 86_400_000 } as const;

const port: IntegerField = { kind: "integer", minimum: 1, maximum: 65535, meaning: "a port is a number, 1–65535" };
const timeout = (what: string): TextField => ({
  kind: "duration",
  meaning: `timeout of ${what}: a number with its unit, such as 90s, 15m, 1h`,
});
const address = (meaning: string): TextField => ({ kind: "address", meaning });
const choice = <Word extends string>(
  words: readonly [Word, ...Word[]],
  meaning: string,
  planned: readonly string[] = [],
): ChoiceField<Word> => ({ kind: "choice", words, planned, meaning: `${meaning}: ${orList(words)}` });
const group = (kind: "map" | "list", meaning: string, planned: readonly string[] = []): GroupField => ({
  kind,
  planned,
  meaning,
});

/** Fields by path; `*` stands for any name or list index. */
export const fields = {
  "": group("map", "a configuration is a map with the keys director and services"),
  director: group("map", "settings of the director itself"),
  "director.interfaces": group("list", "a list of interface names, such as [eth0]"),
  "director.interfaces.*": { kind: "interface", meaning: "an interface name is 1–15 characters, such as eth0" },
  "director.hook": choice(hooks, "where the program is attached", plannedHooks),
  "director.compatibility": choice(compatibilities, "whose behaviour to keep to the letter"),
  "director.timeouts": group("map", "after how much silence a connection is forgotten"),
  "director.timeouts.tcp": timeout("established TCP connections"),
  "director.timeouts.tcpFin": timeout("TCP connections that are being closed"),
  "director.timeouts.udp": timeout("UDP flows"),
  "director.connections": group("map", "the connection table"),
  "director.connections.maximum": {
    kind: "integer",
    minimum: 1,
    maximum: 67_108_864,
    meaning: "how many entries the connection table holds, 1–67108864",
  },
  services: group("map", "a map from each service's name to its settings"),
  "services.*": group("map", "a virtual service: address, port, protocol, scheduler, forwarding, servers", [
    "persistence",
    "check",
    "fwmark",
    "onePacket",
  ]),
  "services.*.address": address("the IPv4 address that clients connect to, such as 198.51.100.10"),
  "services.*.port": port,
  "services.*.protocol": choice(protocols, "a service's protocol", ["sctp"]),
  "services.*.scheduler": choice(schedulers, "schedulers"),
  "services.*.forwarding": choice(forwardingMethods, "forwarding methods", plannedForwardingMethods),
  "services.*.servers": group("list", "a list of real servers, each { address: 10.0.0.11, weight: 1 }"),
  "services.*.servers.*": group("map", "a real server: address, port, weight, forwarding", [
    "upperThreshold",
    "lowerThreshold",
    "check",
  ]),
  "services.*.servers.*.address": address("the IPv4 address of the real server, such as 10.0.0.11"),
  "services.*.servers.*.port": port,
  "services.*.servers.*.weight": {
    kind: "integer",
    minimum: 0,
    maximum: 65535,
    meaning: "a weight is a number, 0–65535; 0 takes no new connections",
  },
  "services.*.servers.*.forwarding": choice(forwardingMethods, "forwarding methods", plannedForwardingMethods),
} as const satisfies Readonly<Record<string, Field>>;

/** A name that a service may have. */
export const serviceName: TextField = {
  kind: "name",
  meaning: "a service's name is 1–63 letters, digits, dots, dashes or underscores and begins with a letter or digit",
};

/** The field that stands at a path of a configuration file. */
export function fieldAt(path: Path): Field | undefined {
  const key = patternOf(path).join(".");
  return Object.hasOwn(fields, key) ? fields[key as keyof typeof fields] : undefined;
}

/** The keys that the map at a path may have. */
export function keysAt(path: Path): readonly string[] {
  const prefix = patternOf(path);
  return Object.keys(fields)
    .map((key) => (key === "" ? [] : key.split(".")))
    .filter((steps) => steps.length === prefix.length + 1 && prefix.every((part, index) => part === steps[index]))
    .map((steps) => steps.at(-1) ?? "")
    .filter((key) => key !== "*");
}

/** The path with `*` for list indexes and service names. */
function patternOf(path: Path): readonly string[] {
  return path.map((step, index) => (typeof step === "number" || (path[0] === "services" && index === 1) ? "*" : step));
}

/** "a, b or c". */
export function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}
