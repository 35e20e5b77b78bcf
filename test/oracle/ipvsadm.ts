// ipvsadm's command line, as packet vectors use it for their set-up: read into what is to be done.
import type { Encapsulation } from "@yardmaster/director/simulation";
import { formatAddress, parseAddress } from "@yardmaster/packet";
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import type { Mode, Server, Service, ServiceKey } from "./subject.ts";
import { endpointText, familyOf, parseEndpoint } from "./topology.ts";

/** What a command asks for. */
export type Command =
  | { readonly kind: "addService" | "editService"; readonly service: Service }
  | { readonly kind: "removeService"; readonly key: ServiceKey }
  | { readonly kind: "clear" }
  | { readonly kind: "addServer" | "editServer"; readonly key: ServiceKey; readonly server: Server }
  | { readonly kind: "removeServer"; readonly key: ServiceKey; readonly name: string }
  | { readonly kind: "setTimeouts"; readonly timeoutsS: readonly [number, number, number] }
  | { readonly kind: "startDaemon"; readonly role: "master" | "backup"; readonly on: string; readonly syncId: number };

const flag = { type: "boolean" } as const;
const text = { type: "string" } as const;

const OPTIONS = {
  "add-service": { ...flag, short: "A" },
  "edit-service": { ...flag, short: "E" },
  "delete-service": { ...flag, short: "D" },
  clear: { ...flag, short: "C" },
  "add-server": { ...flag, short: "a" },
  "edit-server": { ...flag, short: "e" },
  "delete-server": { ...flag, short: "d" },
  set: flag,
  "start-daemon": flag,
  "tcp-service": { ...text, short: "t" },
  "udp-service": { ...text, short: "u" },
  "fwmark-service": { ...text, short: "f" },
  ipv6: { ...flag, short: "6" },
  scheduler: { ...text, short: "s" },
  "sched-flags": { ...text, short: "b" },
  persistent: { ...text, short: "p" },
  netmask: { ...text, short: "M" },
  ops: { ...flag, short: "o" },
  "real-server": { ...text, short: "r" },
  gatewaying: { ...flag, short: "g" },
  ipip: { ...flag, short: "i" },
  masquerading: { ...flag, short: "m" },
  weight: { ...text, short: "w" },
  "u-threshold": { ...text, short: "x" },
  "l-threshold": { ...text, short: "y" },
  "tun-type": text,
  "tun-port": text,
  "tun-csum": flag,
  "tun-nocsum": flag,
  "tun-remcsum": flag,
  "mcast-interface": text,
  syncid: text,
} as const satisfies ParseArgsOptionsConfig;

type Values = ReturnType<typeof split>["values"];

const ACTIONS = [
  "add-service",
  "edit-service",
  "delete-service",
  "clear",
  "add-server",
  "edit-server",
  "delete-server",
  "set",
  "start-daemon",
] as const;

/** ipvsadm(8): seconds of `-p` without a value. */
const DEFAULT_PERSISTENCE_S = 360;

/** Reads a command without the program's name, such as "-A -t 10.3.0.1:80 -s rr"; throws for what it does not know. */
export function parseIpvsadm(command: string): Command {
  try {
    const { values, positionals } = split(command.trim().split(/\s+/));
    const [action, ...others] = ACTIONS.filter((name) => values[name] === true);
    if (action === undefined || others.length > 0) throw new Error("one action is needed, such as -A or -a");
    return commandOf(action, values, positionals);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`reading "ipvsadm ${command}": ${message}`, { cause: error });
  }
}

/** `-p` may stand without a value, which parseArgs does not know: it gets the default. */
function split(words: readonly string[]) {
  const given = words.flatMap((word, at) => {
    const isBare = (word === "-p" || word === "--persistent") && !/^\d+$/.test(words[at + 1] ?? "");
    return isBare ? [word, String(DEFAULT_PERSISTENCE_S)] : [word];
  });
  return parseArgs({ args: given, options: OPTIONS, allowPositionals: true });
}

function commandOf(action: (typeof ACTIONS)[number], values: Values, positionals: readonly string[]): Command {
  if (action !== "set" && action !== "start-daemon" && positionals.length > 0) {
    throw new Error(`"${positionals.join(" ")}" belongs to nothing`);
  }
  switch (action) {
    case "add-service":
      return { kind: "addService", service: serviceOf(values) };
    case "edit-service":
      return { kind: "editService", service: serviceOf(values) };
    case "delete-service":
      return { kind: "removeService", key: keyOf(values) };
    case "clear":
      return { kind: "clear" };
    case "add-server":
      return { kind: "addServer", key: keyOf(values), server: serverOf(values) };
    case "edit-server":
      return { kind: "editServer", key: keyOf(values), server: serverOf(values) };
    case "delete-server": {
      const { address, port } = serverOf(values);
      return { kind: "removeServer", key: keyOf(values), name: endpointText(address, port) };
    }
    case "set": {
      const [tcpS, tcpFinS, udpS, ...rest] = positionals.map((word) => wholeNumber("--set", word));
      if (udpS === undefined || rest.length > 0) throw new Error("--set takes three numbers of seconds");
      return { kind: "setTimeouts", timeoutsS: [tcpS as number, tcpFinS as number, udpS] };
    }
    case "start-daemon":
      return daemonOf(values, positionals);
  }
}

function daemonOf(values: Values, positionals: readonly string[]): Command {
  const [role] = positionals;
  const on = values["mcast-interface"];
  if ((role !== "master" && role !== "backup") || positionals.length > 1 || on === undefined) {
    throw new Error("--start-daemon takes master or backup, and --mcast-interface");
  }
  return { kind: "startDaemon", role, on, syncId: wholeNumber("--syncid", values.syncid ?? "0") };
}

function keyOf(values: Values): ServiceKey {
  const mark = values["fwmark-service"];
  if (mark !== undefined) {
    return { mark: wholeNumber("-f", mark), family: values.ipv6 === true ? "ipv6" : "ipv4" };
  }
  const protocol = values["tcp-service"] === undefined ? "udp" : "tcp";
  const endpoint = values["tcp-service"] ?? values["udp-service"];
  if (endpoint === undefined) throw new Error("no service is named: -t, -u or -f");
  return { protocol, ...parseEndpoint(endpoint) };
}

function serviceOf(values: Values): Service {
  const key = keyOf(values);
  const family = "mark" in key ? key.family : familyOf(key.address);
  return {
    key,
    scheduler: values.scheduler ?? "wlc",
    flags: values["sched-flags"]?.split(",") ?? [],
    persistenceS: wholeNumber("-p", values.persistent ?? "0"),
    netmaskLength: netmaskLength(values.netmask, family),
    onePacket: values.ops === true,
  };
}

/** ipvsadm(8): direct routing, weight 1; no ports mapped but in NAT, where the service's port is the default. */
function serverOf(values: Values): Server {
  const key = keyOf(values);
  const mode: Mode = values.masquerading === true ? "nat" : values.ipip === true ? "tun" : "dr";
  const given = values["real-server"];
  if (given === undefined) throw new Error("no real server is named: -r");
  const hasPort = /^\[.*\]:|^[^:[]+:/.test(given);
  const { address, port } = hasPort ? parseEndpoint(given) : { address: given.replace(/^\[(.*)\]$/, "$1"), port: -1 };
  const servicePort = "mark" in key ? 0 : key.port;
  const mapped = port >= 0 && (mode === "nat" || "mark" in key);
  return {
    address: formatAddress(parseAddress(address)),
    port: mapped ? port : servicePort,
    mode,
    ...(mode === "tun" && { tunnel: tunnelOf(values) }),
    weight: wholeNumber("-w", values.weight ?? "1"),
    upper: wholeNumber("-x", values["u-threshold"] ?? "0"),
    lower: wholeNumber("-y", values["l-threshold"] ?? "0"),
  };
}

/** `--tun-remcsum` asks for an option that only packets from the director's own host get: for others as no checksum. */
function tunnelOf(values: Values): Encapsulation {
  const checksum = values["tun-csum"] === true;
  switch (values["tun-type"]) {
    case undefined:
    case "ipip":
      return { kind: "ipip" };
    case "gue":
      return { kind: "gue", port: wholeNumber("--tun-port", values["tun-port"] ?? "0"), checksum };
    case "gre":
      return { kind: "gre", checksum };
    default:
      throw new Error(`--tun-type ${values["tun-type"]} is none of ipip, gue, gre`);
  }
}

/** The length of a netmask given as such ("24", IPv6) or as an address ("255.255.255.0"); all bits without one. */
export function netmaskLength(mask: string | number | undefined, family: "ipv4" | "ipv6"): number {
  const bits = family === "ipv4" ? 32 : 128;
  if (mask === undefined) return bits;
  if (!String(mask).includes(".")) {
    const length = wholeNumber("a netmask", String(mask));
    if (length <= bits) return length;
    throw new Error(`netmask ${mask} has more than ${bits} bits`);
  }
  const digits = [...parseAddress(String(mask))].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  if (!/^1*0*$/.test(digits)) throw new Error(`netmask ${mask} has holes`);
  return digits.replace(/0+$/, "").length;
}

function wholeNumber(what: string, value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  throw new Error(`${what} is "${value}", not a whole number`);
}
