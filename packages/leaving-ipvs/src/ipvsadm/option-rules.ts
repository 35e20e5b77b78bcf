// Which options go with which action of ipvsadm, and with each other; its texts where they do not.
import type { Tunnel } from "./service.ts";
import { type Action, type OptionName, usage, type Words } from "./words.ts";

/** What an action needs and takes besides, by the names of messages. */
interface Rules {
  readonly name?: string;
  readonly needs?: readonly string[];
  readonly takes?: readonly string[];
}

const service: Rules = {
  needs: ["service-address"],
  takes: ["scheduler", "persistent", "netmask", "ops", "pe", "sched-flags", "ipv6"],
};
const tunnel = ["tun-type", "tun-port", "tun-nocsum", "tun-csum", "tun-remcsum"];
const server: Rules = {
  needs: ["service-address", "real-server"],
  takes: ["forwarding-method", "weight", "u-threshold", "l-threshold", "ipv6", ...tunnel],
};
const shown = ["stats", "rate", "thresholds", "persistent-conn", "tun-info"];

const rules: Readonly<Record<Action, Rules>> = {
  "add-service": service,
  "edit-service": service,
  "delete-service": { needs: ["service-address"], takes: ["ipv6"] },
  clear: { name: "flush" },
  "add-server": server,
  "edit-server": server,
  "delete-server": { needs: ["service-address", "real-server"], takes: ["ipv6"] },
  list: {
    takes: [
      ...["service-address", "ipv6", "numeric", "connection", "timeout", "daemon", "exact", "nosort", "sort"],
      ...shown,
    ],
  },
  restore: {},
  save: { takes: ["numeric"] },
  zero: { takes: ["service-address", "ipv6"] },
  set: {},
  "start-daemon": {
    takes: ["syncid", "sync-maxlen", "mcast-interface", "mcast-group", "mcast-port", "mcast-ttl"],
  },
  "stop-daemon": { takes: ["syncid"] },
  help: {},
  version: {},
};

/** Names of messages, in ipvsadm's order, in which it looks for what is wrong. */
const order = [
  ...["numeric", "connection", "service-address", "scheduler", "persistent", "netmask", "real-server"],
  ...["forwarding-method", "weight", "u-threshold", "l-threshold", "mcast-interface", "timeout", "daemon", "stats"],
  ...["rate", "thresholds", "persistent-conn", "nosort", "sort", "syncid", "exact", "ops", "pe", "sched-flags"],
  ...["tun-info", ...tunnel, "sync-maxlen", "mcast-group", "mcast-port", "mcast-ttl", "ipv6"],
];

const groups: Readonly<Partial<Record<OptionName, string>>> = {
  "tcp-service": "service-address",
  "udp-service": "service-address",
  "sctp-service": "service-address",
  "fwmark-service": "service-address",
  gatewaying: "forwarding-method",
  ipip: "forwarding-method",
  masquerading: "forwarding-method",
};

/** Refuses options that the action does not have, and asks for those that it needs. */
export function checkOptions({ action, options }: Words): void {
  if (action === "help" || action === "version") return;
  const { name = action, needs = [], takes = [] } = rules[action];
  const given = new Set([...options.keys()].map((option) => groups[option] ?? option));
  for (const option of order) {
    if (needs.includes(option) && !given.has(option)) {
      throw usage(`You need to supply the '${option}' option for the '${name}' command`);
    }
    if (given.has(option) && !needs.includes(option) && !takes.includes(option)) {
      throw usage(`Illegal '${option}' option with the '${name}' command`);
    }
  }
  if (options.has("ipv6") && !options.has("fwmark-service")) throw usage("-6 used before -f\n");
  if (action === "list") checkListing(options);
}

function checkListing(options: Words["options"]): void {
  if (options.has("timeout") && options.has("daemon")) {
    throw usage("The option 'daemon' conflicts with the 'timeout' option in the 'list' command");
  }
  const isKeyed = ["tcp-service", "udp-service", "fwmark-service"].some((name) => options.has(name as OptionName));
  if (isKeyed && options.has("connection")) {
    throw usage("The option 'service-address' conflicts with the 'connection' option in the 'list' command");
  }
  const isOther = options.has("connection") || options.has("timeout") || options.has("daemon");
  const columns = shown.filter((name) => options.has(name as OptionName));
  const clashing = options.has("connection") ? columns.filter((name) => name !== "persistent-conn") : columns;
  if (isOther && clashing.length > 0) throw usage("options conflicts in the list command");
}

/** The tunnel that options of `-a` and `-e` describe; undefined where there are none. */
export function checkTunnelOptions(options: Words["options"]): Tunnel | undefined {
  const type = options.get("tun-type");
  const sums = (["tun-nocsum", "tun-csum", "tun-remcsum"] as const).filter((name) => options.has(name));
  const port = options.get("tun-port");
  if (type === undefined && port === undefined && sums.length === 0) return undefined;
  if (type !== undefined && type !== "ipip" && type !== "gue" && type !== "gre") {
    throw usage("illegal tunnel type specified");
  }
  const number = port === undefined ? undefined : portOf(port);
  const kind = type ?? "ipip";
  const illegal = kind === "ipip" ? ["tun-port", ...sums] : kind === "gre" ? ["tun-port", "tun-remcsum"] : [];
  const wrong = illegal.find((name) => options.has(name as OptionName));
  if (wrong !== undefined) throw usage(`Illegal '${wrong}' option with the '${kind}' tunnel type`);
  if (kind === "gue" && number === undefined) {
    throw usage("You need to supply the 'tun-port' option for the 'gue' tunnel type");
  }
  const [first, second] = [sums.includes("tun-csum") ? "tun-csum" : sums[0], sums.find((name) => name !== "tun-csum")];
  if (sums.length > 1) {
    throw usage(`The option '${first}' conflicts with the '${second}' option in the '${kind}' tunnel type`);
  }
  // Remote checksums are for packets of the director's own host: for others they are as none.
  const checksum = sums[0] === "tun-csum";
  return kind === "ipip" ? { kind } : kind === "gre" ? { kind, checksum } : { kind, port: number ?? 0, checksum };
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw usage("illegal tunnel port specified");
  return port;
}
