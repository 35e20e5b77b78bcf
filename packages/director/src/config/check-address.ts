// Addresses that no service or server can have (RFC 6890, RFC 5771, RFC 4291).
import type { Prefix } from "@yardmaster/packet";
import type { Path, Source } from "./source.ts";
import { networkText } from "./values.ts";

/** Reports an address, or a prefix, that can't be a host's to reach. */
export function checkAddress(path: Path, prefix: Prefix, source: Source): void {
  const kind = prefix.address.length === 4 ? kindOfIpv4(prefix) : kindOfIpv6(prefix);
  if (kind === undefined) return;
  const hint = "write an address that other hosts can reach";
  source.errorAt(path, { code: "YM_CONFIG_ADDRESS", message: `${networkText(prefix)} is ${kind}`, hint });
}

function kindOfIpv4({ address: [first = 0], length }: Prefix): string | undefined {
  if (first === 0 && length >= 8) return `in the "this network" block 0.0.0.0/8`;
  if (first === 127 && length >= 8) return "a loopback address";
  if (length < 4) return undefined;
  if (first >= 240) return "a reserved or broadcast address";
  return first >= 224 ? "a multicast address" : undefined;
}

function kindOfIpv6({ address, length }: Prefix): string | undefined {
  const [first = 0, second = 0] = address;
  const isZero = address.subarray(0, 15).every((byte) => byte === 0);
  if (isZero && length === 128 && address[15] === 0) return "the unspecified address";
  if (isZero && length === 128 && address[15] === 1) return "the loopback address";
  if (first === 0xff && length >= 8) return "a multicast address";
  if (first === 0xfe && (second & 0xc0) === 0x80 && length >= 10) return "a link-local address";
  return undefined;
}
