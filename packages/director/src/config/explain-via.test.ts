// Every fault of the way of checks: its place, code, exact text and hint.
import { expect, test } from "vitest";
import { explained, service } from "../../test/faults.ts";

const cases: Readonly<Record<string, string>> = {
  "networks of checks": `director: { checkNetworks: [10.0.0.0/16, 198.51.0.0/16, fd00::/120] }
services:
  web: { address: 198.51.100.10, port: 80, forwarding: nat, check: tcp, servers: [{ address: 10.0.0.11 }] }
`,
  "a command via the VIP": service("check: { command: [/bin/true], via: vip }"),
  "via the VIP of a mark": `director: { marks: [{ mark: 7, address: 198.51.100.0/24 }] }
services:
  web: { mark: 7, forwarding: nat, check: { tcp: {}, port: 80, via: vip }, servers: [{ address: 10.0.0.11 }] }
`,
};

test("each fault has its text", () => {
  expect(explained(cases)).toMatchInlineSnapshot(`
    "
    # networks of checks
    1:29 YM_CONFIG_CHECK_NETWORK
      10.0.0.0/16 has 10.0.0.11/32 in it, or is in it: that is in use (services.web.servers.0)
      = write networks that nothing else uses: at most one of IPv4 and one of IPv6, such as 198.18.0.0/18
    1:42 YM_CONFIG_CHECK_NETWORK
      198.51.0.0/16 is the second of its family
      = write networks that nothing else uses: at most one of IPv4 and one of IPv6, such as 198.18.0.0/18
    1:42 YM_CONFIG_CHECK_NETWORK
      198.51.0.0/16 has 198.51.100.10/32 in it, or is in it: that is in use (services.web.address)
      = write networks that nothing else uses: at most one of IPv4 and one of IPv6, such as 198.18.0.0/18
    1:57 YM_CONFIG_CHECK_NETWORK
      fd00::/120 is no network of /16 to /112
      = write networks that nothing else uses: at most one of IPv4 and one of IPv6, such as 198.18.0.0/18
    # a command via the VIP
    2:46 YM_CONFIG_CHECK_WAY
      a command cannot be sent through the data plane: its packets are its own
      = remove via, or write via: direct: the check goes to the server's own address
    # via the VIP of a mark
    3:69 YM_CONFIG_CHECK_WAY
      service "web" is known by a mark: it has no address that a check could go to
      = remove via, or write via: direct: the check goes to the server's own address
    "
  `);
});
