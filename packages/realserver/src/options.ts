// What a real server is told: which services, by which method, from which directors. Text of the command line becomes
// checked values here; all faults are told at once.
import {
  type AddressLike,
  formatAddress,
  formatPrefix,
  type Prefix,
  parsePrefix,
  tryParseAddress,
} from "@yardmaster/packet";
import { RealServerError } from "./errors.ts";

export const methodNames = ["dr", "tun", "fullnat", "nat"] as const;
/** How the directors reach this server. */
export type MethodName = (typeof methodNames)[number];

const unwrapNames = ["own", "kernel"] as const;
type UnwrapName = (typeof unwrapNames)[number];

/** A virtual service as this server sees it. */
export interface VirtualService {
  readonly address: string;
  readonly family: 4 | 6;
  /** Undefined: every port. */
  readonly port: number | undefined;
  /** Undefined: both. */
  readonly protocol: "tcp" | "udp" | undefined;
}

/** As the command line has them. */
export interface OptionTexts {
  readonly service: readonly string[];
  readonly method: string;
  readonly director: readonly string[];
  readonly interface?: string | undefined;
  readonly unwrap?: string | undefined;
  readonly guePort?: string | undefined;
  readonly mssClamp?: string | undefined;
  readonly cgroup?: string | undefined;
}

/** Checked. */
export interface RealServerOptions {
  readonly services: readonly VirtualService[];
  readonly method: MethodName;
  /** Who may send tunnelled packets, or say who a client is. */
  readonly directors: readonly Prefix[];
  /** Where packets of the directors come in; undefined: the way to the clients. */
  readonly interfaceName: string | undefined;
  /** Who takes tunnels apart: a program of ours, or devices of the kernel. */
  readonly unwrap: UnwrapName;
  readonly guePort: number;
  /** The largest TCP payload that clients are to send; auto: what fits through a tunnel. */
  readonly mssClamp: "auto" | "off" | number;
  /** A control group of version 2; undefined: the root. */
  readonly controlGroup: string | undefined;
}

/** Reads the texts. Throws a RealServerError (YM_REALSERVER_USAGE) with a line for each fault. */
export function readOptions(texts: OptionTexts): RealServerOptions {
  const faults: string[] = [];
  const collect = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };
  const method = collect(() => oneOf("--method", texts.method, methodNames));
  const services = texts.service.map((text) => collect(() => readService(text)));
  const directors = texts.director.map((text) => collect(() => readDirector(text)));
  const unwrap = collect(() => oneOf("--unwrap", texts.unwrap ?? "own", unwrapNames));
  const guePort = collect(() => readPort("--gue-port", texts.guePort ?? "6080"));
  const mssClamp = collect(() => readClamp(texts.mssClamp ?? "auto"));
  if (services.length === 0 && (method === "dr" || method === "tun"))
    faults.push(`--service is missing: ${method} needs the virtual addresses that this server answers at`);
  if (directors.length === 0 && method === "tun")
    faults.push("--director is missing: without it every host could send packets in a tunnel through this server");
  if (directors.length === 0 && method === "fullnat")
    faults.push("--director is missing: without it every host could choose the address that this server sees");
  const prefix = directors.find((each) => each !== undefined && each.length < each.address.length * 8);
  if (unwrap === "kernel" && prefix !== undefined)
    faults.push(`--director ${formatPrefix(prefix)}: a device of --unwrap kernel takes one address, not a prefix`);
  if (
    faults.length > 0 ||
    method === undefined ||
    unwrap === undefined ||
    guePort === undefined ||
    mssClamp === undefined
  )
    throw new RealServerError("YM_REALSERVER_USAGE", `reading the options: ${faults.join("\n  ")}`);
  return {
    services: services.filter((service) => service !== undefined),
    method,
    directors: directors.filter((director) => director !== undefined),
    interfaceName: texts.interface,
    unwrap,
    guePort,
    mssClamp,
    controlGroup: texts.cgroup,
  };
}

function oneOf<T extends string>(option: string, text: string, names: readonly T[]): T {
  const found = names.find((name) => name === text);
  if (found === undefined) throw new RangeError(`${option} ${text}: it is one of ${names.join(", ")}`);
  return found;
}

function readPort(what: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new RangeError(`${what} ${text}: a port is a number from 1 to 65535`);
  return port;
}

function readClamp(text: string): "auto" | "off" | number {
  if (text === "auto" || text === "off") return text;
  const size = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  // 536 is what every host takes (RFC 9293, 3.7.1).
  if (size < 536 || size > 65_495) throw new RangeError(`--mss-clamp ${text}: auto, off or bytes from 536 to 65495`);
  return size;
}

/** `ADDRESS[:PORT][/tcp|/udp]`; an IPv6 address with a port stands in brackets. */
function readService(text: string): VirtualService {
  const match = /^(?:\[([^\]]*)\](?::(\d+))?|([^/[\]]*?)(?::(\d+))?)(?:\/(\w+))?$/.exec(text);
  const [, bracketed, bracketedPort, bare = "", barePort, protocol] = match ?? [];
  const isBareIpv6 = bracketed === undefined && tryParseAddress(text.replace(/\/.*$/, ""))?.length === 16;
  const address = tryParseAddress(isBareIpv6 ? text.replace(/\/.*$/, "") : (bracketed ?? bare));
  const portText = isBareIpv6 ? undefined : (bracketedPort ?? barePort);
  if (address === undefined) {
    const form = "ADDRESS[:PORT][/tcp|/udp], IPv6 with a port as [ADDRESS]:PORT";
    throw new RangeError(`--service ${text}: "${bracketed ?? bare}" is no IP address; write ${form}`);
  }
  if (protocol !== undefined && protocol !== "tcp" && protocol !== "udp")
    throw new RangeError(`--service ${text}: the protocol is tcp or udp, not ${protocol}`);
  const port = portText === undefined ? undefined : readPort(`--service ${text}: port`, portText);
  return { address: formatAddress(address), family: address.length === 4 ? 4 : 6, port, protocol };
}

function readDirector(text: string): Prefix {
  const address = tryParseAddress(text);
  if (address !== undefined) return { address, length: address.length * 8 };
  try {
    return parsePrefix(text);
  } catch (cause) {
    throw new RangeError(`--director ${text}: write an address or a prefix such as 10.0.0.0/24`, { cause });
  }
}

/** The virtual addresses of the services, each once. */
export function virtualAddresses(options: Pick<RealServerOptions, "services">): readonly string[] {
  return [...new Set(options.services.map(({ address }) => address))];
}

/** 4 or 6. */
export function familyOf(address: AddressLike): 4 | 6 {
  if (typeof address === "string") return address.includes(":") ? 6 : 4;
  return address.length === 4 ? 4 : 6;
}
