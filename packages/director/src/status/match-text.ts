// Which packets a service is for, for people: `tcp 198.51.100.10:80`, `10.0.0.0/8 tcp/80,443`, `mark 7`.
import { endpointText, prefixText } from "../address.ts";
import { portsText } from "../model/ports.ts";
import type { ServiceMatch } from "../model/virtual-service.ts";

/** More prefixes than these are told by their number. */
const SHOWN = 3;

/** The text, on one line. */
export function matchText(match: ServiceMatch): string {
  if (match.kind === "mark") return `mark ${match.mark}`;
  if (match.kind === "exact") return `${match.protocol} ${endpointText(match.address, match.port)}`;
  const { prefixes, protocol, ports } = match;
  const more = prefixes.length > SHOWN ? ` and ${prefixes.length - SHOWN} more` : "";
  const shown = prefixes.slice(0, SHOWN).map(prefixText).join(", ");
  return `${shown}${more} ${protocol}/${portsText(ports)}`;
}
