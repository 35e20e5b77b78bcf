// Names that stand in this machine's own files: ports of /etc/services, hosts of /etc/hosts. Nobody else is asked.
import { readFileSync } from "node:fs";
import type { NameLookup } from "@yardmaster/leaving-ipvs";

/** Both directions of names. */
export interface LocalNames extends NameLookup {
  /** The name of a port; undefined: it has none. */
  readonly portName: (port: number, protocol: "tcp" | "udp") => string | undefined;
}

/** Reads the files when a name is asked for; a file that cannot be read knows no names. */
export function localNames(folder = "/etc"): LocalNames {
  let services: Services | undefined;
  let hosts: ReadonlyMap<string, string> | undefined;
  const readServices = () => (services ??= parseServices(readLines(`${folder}/services`)));
  return {
    port: (name, protocol) => readServices().ports.get(`${name}/${protocol}`),
    portName: (port, protocol) => readServices().names.get(`${port}/${protocol}`),
    host: (name) => (hosts ??= parseHosts(readLines(`${folder}/hosts`))).get(name),
  };
}

interface Services {
  readonly ports: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<string, string>;
}

/** Words of each line, without comments. */
function readLines(path: string): readonly (readonly string[])[] {
  try {
    const lines = readFileSync(path, "utf8").split("\n");
    return lines.map((line) => line.replace(/#.*/, "").trim().split(/\s+/)).filter((words) => words.length > 1);
  } catch {
    return [];
  }
}

/** services(5): the name, port/protocol, other names. */
function parseServices(lines: readonly (readonly string[])[]): Services {
  const ports = new Map<string, number>();
  const names = new Map<string, string>();
  for (const [name = "", portText = "", ...aliases] of lines) {
    const [port = "", protocol = ""] = portText.split("/");
    if (!/^\d{1,5}$/.test(port)) continue;
    if (!names.has(portText)) names.set(portText, name);
    for (const each of [name, ...aliases]) {
      if (!ports.has(`${each}/${protocol}`)) ports.set(`${each}/${protocol}`, Number(port));
    }
  }
  return { ports, names };
}

/** hosts(5): the address, its names; the first line that has a name counts. */
function parseHosts(lines: readonly (readonly string[])[]): ReadonlyMap<string, string> {
  const hosts = new Map<string, string>();
  for (const [address = "", ...names] of lines) {
    for (const name of names) if (!hosts.has(name)) hosts.set(name, address);
  }
  return hosts;
}
