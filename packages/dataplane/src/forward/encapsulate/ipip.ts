// IP in IP (RFC 2003), and IPv6 in IPv4 or the other way round (RFC 4213, RFC 2473): nothing stands between the
// headers.

import type { Encapsulation } from "./encapsulation.ts";

export const ipip: Encapsulation = {
  name: "ipip",
  code: 1,
  // IPPROTO_IPIP and IPPROTO_IPV6 (include/uapi/linux/in.h).
  protocol: { ipv4: 4, ipv6: 41 },
  size: { plain: 0, withChecksum: 0 },
  tellsFlows: false,
  write: () => undefined,
};
