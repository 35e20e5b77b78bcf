// Faults of the networks of checks that go through the data plane: two of one family, too small ones, and those that
// have addresses of somebody else.
import { formatPrefix, parseAddress, type Prefix, prefixContains, prefixOf } from "@yardmaster/packet";
import { probePrefixLengths } from "../probes/probe-network.ts";
import type { Outline, Placed } from "./outline.ts";
import type { Source } from "./source.ts";

const CODE = "YM_CONFIG_CHECK_NETWORK";
const hint = "write networks that nothing else uses: at most one of IPv4 and one of IPv6, such as 198.18.0.0/18";

/** Reports them. */
export function checkProbeNetworks(outline: Outline, source: Source): void {
  const { checkNetworks } = outline;
  for (const [at, { path, value }] of checkNetworks.entries()) {
    const size = value.address.length;
    const { minimum, maximum } = probePrefixLengths[size === 4 ? "ipv4" : "ipv6"];
    const fault = (problem: string) =>
      source.errorAt(path, { code: CODE, message: `${formatPrefix(value)} ${problem}`, hint });
    if (value.length < minimum || value.length > maximum) fault(`is no network of /${minimum} to /${maximum}`);
    if (checkNetworks.slice(0, at).some((other) => other.value.address.length === size)) {
      fault("is the second of its family");
    }
    const other = othersOf(outline).find((place) => overlap(place.value, value));
    if (other !== undefined)
      fault(`has ${formatPrefix(other.value)} in it, or is in it: that is in use (${other.path.join(".")})`);
  }
}

/** What else has addresses. */
function othersOf({ services, localAddresses }: Outline): readonly Placed<Prefix>[] {
  const single = (address: string) => prefixOf(address, parseAddress(address).length * 8);
  const locals = [localAddresses, ...services.map((service) => service.localAddresses)].flat();
  return [
    ...services.flatMap(({ addresses }) => addresses),
    ...services.flatMap(({ servers = [] }) =>
      servers.flatMap(({ path, address }) => (address === undefined ? [] : [{ path, value: single(address) }])),
    ),
    ...locals.flatMap(({ path, value }) => value.map((address) => ({ path, value: single(address) }))),
  ];
}

function overlap(one: Prefix, other: Prefix): boolean {
  if (one.address.length !== other.address.length) return false;
  return prefixContains(one, other.address) || prefixContains(other, one.address);
}
