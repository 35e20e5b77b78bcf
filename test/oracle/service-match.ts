// Which packets a service of IPVS gets, in Yardmaster's words: it sees packets before netfilter does, so that marks are
// what the rules that set them match.
import type { MarkRule as LiveMarkRule, ServiceMatch } from "@yardmaster/director/simulation";
import { formatPrefix } from "@yardmaster/packet";
import type { MarkMatch, MarkRule } from "./mark-rules.ts";
import type { ServiceKey } from "./subject.ts";

/** What a service matches. Throws for marks that are not set by destination, port and protocol alone. */
export function matchOf(key: ServiceKey, rules: readonly MarkRule[]): ServiceMatch {
  if ("mark" in key) return { kind: "mark", mark: key.mark, rules: rulesFor(key, rules) };
  const { address, port, protocol } = key;
  if (port !== 0) return { kind: "exact", address, port, protocol };
  return { kind: "wide", prefixes: [`${address}/${address.includes(":") ? 128 : 32}`], ports: "any", protocol };
}

function rulesFor(
  { mark, family }: Extract<ServiceKey, { readonly mark: number }>,
  rules: readonly MarkRule[],
): readonly [LiveMarkRule, ...LiveMarkRule[]] {
  const [first, ...rest] = rules
    .filter((rule) => rule.mark === mark)
    .flatMap((rule) => liveRules(rule.matches))
    .filter(({ prefix }) => prefix.includes(":") === (family === "ipv6"));
  if (first === undefined) throw new Error(`no rule gives the mark ${mark} to ${family} packets`);
  return [first, ...rest];
}

/** One rule for each prefix. */
function liveRules(matches: readonly MarkMatch[]): readonly LiveMarkRule[] {
  let prefixes: readonly string[] = ["0.0.0.0/0", "::/0"];
  let ports: LiveMarkRule["ports"] = "any";
  let protocols: LiveMarkRule["protocols"] = ["tcp", "udp"];
  for (const match of matches) {
    switch (match.field) {
      case "destination":
        prefixes = match.prefixes.map(formatPrefix);
        break;
      case "destinationPort": {
        const [first, ...rest] = match.ranges.map(([from, to]) => ({ first: from, last: to }));
        if (first !== undefined) ports = [first, ...rest];
        protocols = [match.protocol];
        break;
      }
      case "protocol":
        protocols = [match.protocol];
        break;
      default:
        throw new Error(`marks by ${match.field} are not built`);
    }
  }
  return prefixes.map((prefix) => ({ prefix, ports, protocols }));
}
