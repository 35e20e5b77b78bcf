// Rows of Yardmaster's connection table as the kernel lists IPVS's.
import type { ConnectionRow } from "@yardmaster/director/simulation";
import { addressFromWords, formatAddress } from "@yardmaster/packet";
import type { Entry, ServiceKey } from "./subject.ts";
import { endpointText, parseEndpoint } from "./topology.ts";

/** The row as an entry; `key`: of its service. */
export function entryOf(row: ConnectionRow, key: ServiceKey | undefined): Entry {
  const { client, virtual, destination, state, expiresInMs } = row;
  const ends = { client, virtual, server: destination, state, expiresS: Math.floor(expiresInMs / 1000) };
  if (row.kind === "connection" || key === undefined) return { ...ends, protocol: row.protocol.toUpperCase() };
  const server = endpointText(parseEndpoint(destination).address, templatePort(row, key));
  if (!("mark" in key)) return { ...ends, protocol: row.protocol.toUpperCase(), server };
  return { ...ends, protocol: "IP", virtual: endpointText(markAsAddress(key), 0), server };
}

/** A template for all ports of its client has none at the server either. */
function templatePort({ virtual, destination }: ConnectionRow, key: ServiceKey): number {
  const { port } = parseEndpoint(virtual);
  if ("mark" in key || port === 0) return 0;
  return port === key.port ? parseEndpoint(destination).port : port;
}

/** The kernel puts the mark where the virtual address would be. */
function markAsAddress({ mark, family }: Extract<ServiceKey, { readonly mark: number }>): string {
  return formatAddress(addressFromWords(family === "ipv4" ? [mark] : [mark, 0, 0, 0]));
}
