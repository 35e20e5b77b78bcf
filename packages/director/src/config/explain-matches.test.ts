// Every fault of what a service matches packets by: its place, code, exact text and hint.
import { describe, expect, it } from "vitest";
import { briefly, explained, marked, service, twoServices } from "../../test/faults.ts";

describe("each fault of a match", () => {
  const cases: Readonly<Record<string, string>> = {
    "port that is too large": service("port: 70000"),
    "port that is zero": service("port: 0"),
    "port with a fraction": service("port: 80.5"),
    "port as text": service('port: "80"'),
    "port that is empty": service("port: "),
    "list of ports with faults": service("port: [80, 0, 70000, http, 90-80, 443]"),
    "empty list of ports": service("port: []"),
    "range of ports that is too large": service("port: 8000-80000"),
    "range of ports the wrong way round": service("port: 8999-8000"),
    "ports as map": service("port: { from: 80 }"),
    "address that is none": service("address: 10.0.0.256"),
    "address as number": service("address: 10.5"),
    "address with leading zeros": service("address: 010.0.0.1"),
    "host name": service("address: example.org"),
    "IPv6 address with a zone": service('address: "fe80::1%eth0"'),
    "link-local address": service('address: "fe80::1"', '[{ address: "2001:db8::11" }]'),
    "unspecified IPv6 address": service('address: "::"', '[{ address: "2001:db8::11" }]'),
    "prefix with bits behind it": service("address: 198.51.100.1/24"),
    "prefix that is too long": service("address: 198.51.100.0/33"),
    "prefix of a server": service("", "[{ address: 10.0.0.0/24 }]"),
    "multicast prefix": service("address: 224.0.0.0/8"),
    "IPv4 server of an IPv6 service": service('address: "2001:db8::1"'),
    "IPv6 server of an IPv4 service": service("", '[{ address: "2001:db8::11" }]'),
    "addresses of both families": service('addresses: [198.51.100.10, "2001:db8::1"], address: 198.51.100.11'),
    "address in addresses that is none": `services:
  web: { addresses: [198.51.100.300], port: 80, forwarding: dr, servers: [{ address: 10.0.0.11 }] }
`,
    "address listed twice": `services:
  web: { addresses: [198.51.100.10, 198.51.100.10/32], port: 80, forwarding: dr, servers: [{ address: 10.0.0.11 }] }
`,
    "neither address nor port": "services:\n  web: { forwarding: dr, servers: [{ address: 10.0.0.11 }] }\n",
    "two services with one address and port": twoServices(
      "address: 198.51.100.10, port: 80",
      "address: 198.51.100.10, port: 80",
    ),
    "two services with one prefix and port": twoServices(
      "address: 10.0.0.0/8, port: [80, 443]",
      "address: 10.0.0.0/8, port: 400-500",
    ),
    "two services with one prefix and any port": twoServices(
      "address: 10.0.0.0/8, port: any",
      "address: 10.0.0.0/8, port: any",
    ),
    "mark that no packet gets": marked("[]", "mark: 7"),
    "mark for the other family": marked('[{ mark: 7, address: "2001:db8::/32" }]', "mark: 7"),
    "mark beside address and port": marked(
      "[{ mark: 7, address: 10.0.0.0/8 }]",
      "mark: 7, address: 198.51.100.10, port: 80",
    ),
    "mark of zero": marked("[{ mark: 0, address: 10.0.0.0/8 }]", "mark: 0"),
    "mark without address": marked("[{ mark: 7 }]", "mark: 7"),
    "mark of two services": `director: { marks: [{ mark: 7, address: 10.0.0.0/8 }] }
services:
  a: { mark: 7, forwarding: dr, servers: [{ address: 10.0.0.11 }] }
  b: { mark: 7, forwarding: dr, servers: [{ address: 10.0.0.12 }] }
`,
    "two marks for the same packets": marked(
      "[{ mark: 7, address: 10.0.0.0/8 }, { mark: 8, address: 10.0.0.0/8, protocol: tcp }]",
      "mark: 7",
    ),
    "dr server with a port of a mark": marked(
      "[{ mark: 7, address: 10.0.0.0/8 }]",
      "mark: 7",
      "[{ address: 10.0.0.11, port: 80 }]",
    ),
    "port mapping with dr from several ports": service("port: [80, 443]", "[{ address: 10.0.0.11, port: 80 }]"),
  };
  it.each(Object.entries(cases))("%s", (_, text) => {
    expect(briefly(text)).not.toEqual([]);
  });
  it("has its text", () => {
    expect(explained(cases)).toMatchInlineSnapshot(`
      "
      # port that is too large
      2:16 YM_CONFIG_RANGE
        port 70000 is outside 1–65535
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      # port that is zero
      2:16 YM_CONFIG_RANGE
        port 0 is outside 1–65535
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      # port with a fraction
      2:16 YM_CONFIG_RANGE
        port 80.5 is no whole number
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      # port as text
      2:16 YM_CONFIG_TYPE
        port must be a number or a range, not the text "80"
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      # port that is empty
      2:10 YM_CONFIG_TYPE
        "port" is empty
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      # list of ports with faults
      2:21 YM_CONFIG_RANGE
        port 0 is outside 1–65535
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      2:24 YM_CONFIG_RANGE
        port 70000 is outside 1–65535
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      2:31 YM_CONFIG_TYPE
        port must be a number or a range, not the text "http"
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      2:37 YM_CONFIG_RANGE
        the range 90-80 ends before it begins
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      # empty list of ports
      2:16 YM_CONFIG_VALUE
        the list "port" is empty
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      # range of ports that is too large
      2:16 YM_CONFIG_RANGE
        port 80000 is outside 1–65535
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      # range of ports the wrong way round
      2:16 YM_CONFIG_RANGE
        the range 8999-8000 ends before it begins
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      # ports as map
      2:16 YM_CONFIG_TYPE
        port must be a number or a range, not a map
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      # address that is none
      2:19 YM_CONFIG_ADDRESS
        "10.0.0.256" is no address and no prefix
        = the address or prefix that clients connect to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      # address as number
      2:19 YM_CONFIG_TYPE
        address must be an address or a prefix, not 10.5
        = the address or prefix that clients connect to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      # address with leading zeros
      2:19 YM_CONFIG_ADDRESS
        "010.0.0.1" is no address and no prefix
        = the address or prefix that clients connect to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      # host name
      2:19 YM_CONFIG_ADDRESS
        "example.org" is no address and no prefix
        = the address or prefix that clients connect to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      # IPv6 address with a zone
      2:19 YM_CONFIG_ADDRESS
        "fe80::1%eth0" is no address and no prefix
        = the address or prefix that clients connect to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      # link-local address
      2:19 YM_CONFIG_ADDRESS
        fe80::1 is a link-local address
        = write an address that other hosts can reach
      # unspecified IPv6 address
      2:19 YM_CONFIG_ADDRESS
        :: is the unspecified address
        = write an address that other hosts can reach
      # prefix with bits behind it
      2:19 YM_CONFIG_ADDRESS
        "198.51.100.1/24" has bits behind its length: did you mean 198.51.100.0/24?
        = the address or prefix that clients connect to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      # prefix that is too long
      2:19 YM_CONFIG_ADDRESS
        "198.51.100.0/33" is longer than an IPv4 address of 32 bits
        = the address or prefix that clients connect to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      # prefix of a server
      2:81 YM_CONFIG_ADDRESS
        "10.0.0.0/24" is no address
        = the address of the real server, such as 10.0.0.11 or 2001:db8::11
      # multicast prefix
      2:19 YM_CONFIG_ADDRESS
        224.0.0.0/8 is a multicast address
        = write an address that other hosts can reach
      # IPv4 server of an IPv6 service
      2:81 YM_CONFIG_FAMILY
        server 10.0.0.11 is IPv4, its service IPv6: dr cannot mix them
        = write the server's IPv6 address, or a service of its own for IPv4, or use forwarding: tun or fullnat
      # IPv6 server of an IPv4 service
      2:81 YM_CONFIG_FAMILY
        server 2001:db8::11 is IPv6, its service IPv4: dr cannot mix them
        = write the server's IPv4 address, or a service of its own for IPv6, or use forwarding: tun or fullnat
      # addresses of both families
      2:10 YM_CONFIG_MATCH
        service "web" has both "address" and "addresses"
        = write them all under addresses
      2:37 YM_CONFIG_FAMILY
        service "web" mixes families: 198.51.100.11, 2001:db8::1
        = write one service for each family
      # address in addresses that is none
      2:22 YM_CONFIG_ADDRESS
        "198.51.100.300" is no address and no prefix
        = an address or a prefix, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      # address listed twice
      2:3 YM_CONFIG_DUPLICATE_SERVICE
        service "web" claims tcp 198.51.100.10 port 80 twice
        = remove one of the two
      # neither address nor port
      2:3 YM_CONFIG_MISSING
        service "web" has no "address"
        = the address or prefix that clients connect to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      2:3 YM_CONFIG_MISSING
        service "web" has no "port"
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      # two services with one address and port
      3:3 YM_CONFIG_DUPLICATE_SERVICE
        service "b" claims tcp 198.51.100.10 port 80, which service "a" on line 2 has
        = put their servers into one service, or change one's address, port or protocol
      # two services with one prefix and port
      3:3 YM_CONFIG_DUPLICATE_SERVICE
        service "b" claims tcp 10.0.0.0/8 port 443, which service "a" on line 2 has
        = put their servers into one service, or change one's address, port or protocol
      # two services with one prefix and any port
      3:3 YM_CONFIG_DUPLICATE_SERVICE
        service "b" claims tcp 10.0.0.0/8 any port, which service "a" on line 2 has
        = put their servers into one service, or change one's address, port or protocol
      # mark that no packet gets
      3:16 YM_CONFIG_MARK
        no packet gets mark 7
        = add { mark: 7, address: …, port: … } to director.marks
      # mark for the other family
      3:16 YM_CONFIG_FAMILY
        mark 7 is for IPv6 packets only, and the servers are IPv4
        = add { mark: 7, address: …, port: … } to director.marks
      # mark beside address and port
      3:19 YM_CONFIG_MATCH
        service "web" has both "mark" and "address"
        = which packets get the mark is written under director.marks
      3:43 YM_CONFIG_MATCH
        service "web" has both "mark" and "port"
        = which packets get the mark is written under director.marks
      # mark of zero
      1:29 YM_CONFIG_RANGE
        mark 0 is outside 1–4294967295
        = a mark is a number, 1–4294967295
      3:16 YM_CONFIG_RANGE
        mark 0 is outside 1–4294967295
        = a mark is a number, 1–4294967295
      # mark without address
      1:21 YM_CONFIG_MISSING
        entry 1 of director.marks has no "address"
        = the address or prefix that the packets are addressed to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      # mark of two services
      4:3 YM_CONFIG_DUPLICATE_SERVICE
        service "b" is the same as "a" on line 3: mark 7, IPv4
        = put their servers into one service, or change one's address, port or protocol
      # two marks for the same packets
      1:55 YM_CONFIG_DUPLICATE_SERVICE
        entry 2 of director.marks claims tcp 10.0.0.0/8 any port, which entry 1 of director.marks on line 1 has
        = a packet has one mark: change one's address, port or protocol
      1:63 YM_CONFIG_MARK
        no service has mark 8: its packets are left alone
        = write a service with mark: 8, or remove the entry
      # dr server with a port of a mark
      3:73 YM_CONFIG_PORT_MAPPING
        dr cannot map the ports of a mark to 80: it changes nothing but the MAC address
        = remove the port (the server then listens on the ports that clients use), or use forwarding: nat or fullnat
      # port mapping with dr from several ports
      2:105 YM_CONFIG_PORT_MAPPING
        dr cannot map several ports to 80: it changes nothing but the MAC address
        = remove the port (the server then listens on the ports that clients use), or use forwarding: nat or fullnat
      "
    `);
  });
});
