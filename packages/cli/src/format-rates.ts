// A director's rates as text, with the columns of `ipvsadm -Ln --rate`: connections, packets and bytes in a second.
import type { DestinationStatus, Rated, ServiceStatus, TrafficRates } from "@yardmaster/director/api";
import { serverTitle, serviceTitle } from "./format-status.ts";
import { type Column, formatCount, formatTable } from "./table.ts";

/** LVS's names, in its order. */
const COLUMNS: readonly (readonly [heading: string, field: keyof TrafficRates])[] = [
  ["CPS", "connections"],
  ["InPPS", "packetsIn"],
  ["OutPPS", "packetsOut"],
  ["InBPS", "bytesIn"],
  ["OutBPS", "bytesOut"],
];

/** The text of `yardmaster status --rate`. */
export function formatRates(services: readonly ServiceStatus[]): string {
  const headings: readonly Column[] = [
    { heading: "SERVICE / SERVER", align: "left" },
    ...COLUMNS.map(([heading]): Column => ({ heading, align: "right" })),
  ];
  const rows = services.flatMap((service) => [
    [serviceTitle(service), ...numbers(service)],
    ...service.servers.map((server: DestinationStatus) => [serverTitle(server), ...numbers(server)]),
  ]);
  return formatTable(headings, rows);
}

function numbers({ perSecond }: Rated): string[] {
  return COLUMNS.map(([, field]) => (perSecond === undefined ? "-" : formatCount(perSecond[field])));
}
