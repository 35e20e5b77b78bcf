// What runs are called, in headings and in names of files.
import type { LabChoice, LabMethod, LabScenario } from "./layout.ts";

const titles: Readonly<Record<LabMethod, string>> = { nat: "NAT", dr: "DR", tun: "TUN", fullnat: "FULLNAT" };
const suffixes: Readonly<Record<LabScenario, string>> = {
  path: "",
  shares: "",
  tools: ", programs from Debian",
  mixed: ", long and short connections mixed",
};

/** `NAT over IPv6`, `TUN (ipip, xdp-generic)`, `NAT, long and short connections mixed`. */
export function titleOf({ method, scenario, family, hook, encapsulation, place }: LabChoice): string {
  const how = [...(encapsulation === undefined ? [] : [encapsulation]), ...(hook === "xdp" ? [] : [hook])];
  const text = how.length === 0 ? "" : ` (${how.join(", ")})`;
  const before = place === "containers" ? " before containers" : "";
  return `${titles[method]}${before}${text}${family === "ipv6" ? " over IPv6" : ""}${suffixes[scenario]}`;
}

/** A short name for a choice, also of files and namespaces: `nat-ipv4-shares`, `tun-gue-xdp-generic-ipv6-path`. */
export function nameOf({ method, family, scenario, hook, encapsulation, place }: LabChoice): string {
  const how = [...(encapsulation === undefined ? [] : [encapsulation]), ...(hook === "xdp" ? [] : [hook])];
  return [method, ...(place === undefined ? [] : [place]), ...how, family, scenario].join("-");
}
