// Every fault of what a forwarding method can do and of its settings: place, code, exact text and hint. Methods that
// the data plane has not are refused by name, whatever else is written about them.
import { describe, expect, it } from "vitest";
import { briefly, explained, service } from "../../test/faults.ts";
import { forwardingMethods, plannedForwardingMethods } from "../model/forwarding-method.ts";

const director = (settings: string) => `director: { ${settings} }\n${service("")}`;
const servers = (entries: string) => `[{ address: 10.0.0.11, ${entries} }]`;

/** Of 1,024 addresses each: one too many. */
const fiveLists = `services:\n${Array.from({ length: 5 }, (_, at) => {
  const rest = `localAddresses: [10.${at}.0.0/22], servers: [{ address: 192.0.2.1 }]`;
  return `  s${at}: { address: 198.51.100.10, port: ${at + 1}, forwarding: fullnat, ${rest} }\n`;
}).join("")}`;

describe("each fault of a method", () => {
  const cases: Readonly<Record<string, string>> = {
    "unknown forwarding method": service("forwarding: masquerade"),
    "encapsulation without tun": service("encapsulation: ipip"),
    "encapsulation of a server without tun": service("", servers("encapsulation: gre")),
    "unknown encapsulation": service("encapsulation: vxlan"),
    "encapsulation as number": service("encapsulation: 4"),
    "encapsulation with parameters that are wrong": service(
      "encapsulation: { gue: { port: 70000, checksum: yes, ports: 1 } }",
    ),
    "encapsulation of unknown kind with parameters": service("encapsulation: { geu: {} }"),
    "encapsulation of two kinds": service("encapsulation: { gue: {}, gre: {} }"),
    "encapsulation of no kind": service("encapsulation: {}"),
    "clientAddress without fullnat": service("clientAddress: none"),
    "clientAddress not built": service("clientAddress: proxy-v2"),
    "clientAddress unlike any": service("clientAddress: [toa]"),
    "local addresses of a service without fullnat": service("localAddresses: [10.0.0.5]"),
    "local addresses that are wrong": director(
      "localAddresses: [10.0.0.300, 10.0.0.9-10.0.0.5, 10.0.0.5-fd00::1, 10.0.0.5/24, 7, fd00::/64, 127.0.0.1]",
    ),
    "no local addresses": director("localAddresses: []"),
    "local addresses that others have": director("localAddresses: [198.51.100.10, 10.0.0.0/28]"),
    "too many local addresses": director("localAddresses: [10.9.0.0/22, 10.10.0.1]"),
    "too many lists of local addresses": fiveLists,
    "mssClamp that is too small": director("mssClamp: 100"),
    "mssClamp that is no number": director("mssClamp: 1400.5"),
    "unknown word for mssClamp": director("mssClamp: of"),
    "mssClamp as list": director("mssClamp: [auto]"),
    "scheduleIcmp as word": director("scheduleIcmp: on"),
    "natIcmpSend as number": director("natIcmpSend: 1"),
    "pingVip as word": director("pingVip: maybe"),
    "port mapping with dr": service("", servers("port: 8080")),
    "port mapping of a dr server in a nat service": service("forwarding: nat", servers("port: 8080, forwarding: dr")),
    "port mapping with tun": service("forwarding: tun", servers("port: 8080")),
    "encapsulation of tun that is wrong": service("forwarding: tun, encapsulation: { gue: { port: 0 }, gre: {} }"),
    "families that dr cannot mix beside tun": service("forwarding: tun", '[{ address: "fd00::11", forwarding: dr }]'),
    "fullnat without local addresses": service("forwarding: fullnat"),
    "fullnat of one server without local addresses of its family": `director: { localAddresses: [10.0.0.5] }\n${service(
      'address: "2001:db8::1"',
      '[{ address: "fd00::11", forwarding: fullnat }]',
    )}`,
    "local addresses of a service that cannot be read": service("forwarding: fullnat, localAddresses: [nowhere]"),
    "families that nat cannot mix": service("forwarding: nat", '[{ address: "fd00::11" }]'),
  };
  it.each(Object.entries(cases))("%s", (_, text) => {
    expect(briefly(text)).not.toEqual([]);
  });
  it("has its text", () => {
    expect(explained(cases)).toMatchInlineSnapshot(`
      "
      # unknown forwarding method
      2:22 YM_CONFIG_VALUE
        unknown forwarding "masquerade"
        = forwarding methods: nat, dr, tun or fullnat
      # encapsulation without tun
      2:10 YM_CONFIG_METHOD
        encapsulation is a setting of tun, and service "web" has none
        = remove encapsulation, or use forwarding: tun
      # encapsulation of a server without tun
      2:92 YM_CONFIG_METHOD
        encapsulation is a setting of tun, and this server has dr
        = remove encapsulation, or use forwarding: tun
      # unknown encapsulation
      2:10 YM_CONFIG_METHOD
        encapsulation is a setting of tun, and service "web" has none
        = remove encapsulation, or use forwarding: tun
      2:25 YM_CONFIG_VALUE
        unknown encapsulation "vxlan"
        = how tun wraps packets: ipip, gue or gre, or { gue: { port: 6080 } }, { gre: { checksum: true } }
      # encapsulation as number
      2:10 YM_CONFIG_METHOD
        encapsulation is a setting of tun, and service "web" has none
        = remove encapsulation, or use forwarding: tun
      2:25 YM_CONFIG_TYPE
        encapsulation must be a word, not 4
        = how tun wraps packets: ipip, gue or gre, or { gue: { port: 6080 } }, { gre: { checksum: true } }
      # encapsulation with parameters that are wrong
      2:10 YM_CONFIG_METHOD
        encapsulation is a setting of tun, and service "web" has none
        = remove encapsulation, or use forwarding: tun
      2:40 YM_CONFIG_RANGE
        port 70000 is outside 1–65535
        = the UDP port that servers take GUE on, 1–65535
      2:57 YM_CONFIG_TYPE
        checksum must be true or false, not the text "yes"
        = whether the outer UDP header has a checksum: true or false
      2:62 YM_CONFIG_UNKNOWN_KEY
        unknown key "ports" in gue of encapsulation of service "web"
        = did you mean "port"?
      # encapsulation of unknown kind with parameters
      2:10 YM_CONFIG_METHOD
        encapsulation is a setting of tun, and service "web" has none
        = remove encapsulation, or use forwarding: tun
      2:27 YM_CONFIG_UNKNOWN_KEY
        unknown key "geu" in encapsulation of service "web"
        = did you mean "gue"?
      # encapsulation of two kinds
      2:10 YM_CONFIG_METHOD
        encapsulation is a setting of tun, and service "web" has none
        = remove encapsulation, or use forwarding: tun
      2:25 YM_CONFIG_VALUE
        encapsulation names both gue and gre
        = write one of gue and gre, or the word ipip
      # encapsulation of no kind
      2:10 YM_CONFIG_METHOD
        encapsulation is a setting of tun, and service "web" has none
        = remove encapsulation, or use forwarding: tun
      2:25 YM_CONFIG_VALUE
        encapsulation names no kind
        = write one of gue and gre, or the word ipip
      # clientAddress without fullnat
      2:10 YM_CONFIG_METHOD
        clientAddress is a setting of fullnat, and service "web" has none
        = remove clientAddress, or use forwarding: fullnat
      # clientAddress not built
      2:10 YM_CONFIG_METHOD
        clientAddress is a setting of fullnat, and service "web" has none
        = remove clientAddress, or use forwarding: fullnat
      2:25 YM_CONFIG_NOT_SUPPORTED
        clientAddress "proxy-v2" is not supported yet
        = this version has toa or none
      # clientAddress unlike any
      2:10 YM_CONFIG_METHOD
        clientAddress is a setting of fullnat, and service "web" has none
        = remove clientAddress, or use forwarding: fullnat
      2:25 YM_CONFIG_TYPE
        clientAddress must be a word, not a list
        = how fullnat tells a server who the client is: toa or none
      # local addresses of a service without fullnat
      2:10 YM_CONFIG_METHOD
        localAddresses is a setting of fullnat, and service "web" has none
        = remove localAddresses, or use forwarding: fullnat
      # local addresses that are wrong
      1:30 YM_CONFIG_ADDRESS
        "10.0.0.300" is no address, prefix or range
        = an address, a prefix such as 10.0.0.16/28, or a range such as 10.0.0.5-10.0.0.9
      1:42 YM_CONFIG_ADDRESS
        "10.0.0.9-10.0.0.5" is a range that ends before it begins
        = an address, a prefix such as 10.0.0.16/28, or a range such as 10.0.0.5-10.0.0.9
      1:61 YM_CONFIG_ADDRESS
        "10.0.0.5-fd00::1" is no range of addresses
        = an address, a prefix such as 10.0.0.16/28, or a range such as 10.0.0.5-10.0.0.9
      1:79 YM_CONFIG_ADDRESS
        "10.0.0.5/24" has bits behind its length: did you mean 10.0.0.0/24?
        = an address, a prefix such as 10.0.0.16/28, or a range such as 10.0.0.5-10.0.0.9
      1:92 YM_CONFIG_TYPE
        entry of localAddresses must be an address, a prefix or a range, not 7
        = an address, a prefix such as 10.0.0.16/28, or a range such as 10.0.0.5-10.0.0.9
      1:95 YM_CONFIG_ADDRESS
        "fd00::/64" is 18446744073709551616 addresses: more than 1024 are no use
        = an address, a prefix such as 10.0.0.16/28, or a range such as 10.0.0.5-10.0.0.9
      1:106 YM_CONFIG_ADDRESS
        127.0.0.1 is a loopback address
        = write an address that other hosts can reach
      # no local addresses
      1:29 YM_CONFIG_VALUE
        the list "localAddresses" is empty
        = what fullnat sends from: a list such as [10.0.0.5, 10.0.0.16/28]
      # local addresses that others have
      1:30 YM_CONFIG_LOCAL_ADDRESS
        198.51.100.10 is the address of service "web": fullnat cannot send from it
        = give fullnat addresses that nothing else uses
      1:45 YM_CONFIG_LOCAL_ADDRESS
        10.0.0.11 is a server's address: fullnat cannot send from it
        = give fullnat addresses that nothing else uses
      # too many local addresses
      1:29 YM_CONFIG_RANGE
        localAddresses are 1025 addresses: more than 1024 are no use
        = an address has some 36,000 ports for every server
      # too many lists of local addresses
      6:79 YM_CONFIG_RANGE
        all localAddresses together are 5120: there is room for 4096
        = let services share a list: under director.localAddresses, or the same in each
      # mssClamp that is too small
      1:23 YM_CONFIG_RANGE
        mssClamp 100 is outside 536–65495
        = the largest MSS of a SYN: auto, off, or a number, 536–65495
      # mssClamp that is no number
      1:23 YM_CONFIG_RANGE
        mssClamp 1400.5 is no whole number
        = the largest MSS of a SYN: auto, off, or a number, 536–65495
      # unknown word for mssClamp
      1:23 YM_CONFIG_VALUE
        unknown mssClamp "of"
        = did you mean "off"? the largest MSS of a SYN: auto, off, or a number, 536–65495
      # mssClamp as list
      1:23 YM_CONFIG_TYPE
        mssClamp must be a word, not a list
        = the largest MSS of a SYN: auto, off, or a number, 536–65495
      # scheduleIcmp as word
      1:27 YM_CONFIG_TYPE
        scheduleIcmp must be true or false, not the text "on"
        = whether an ICMP error about no connection may open one: true or false
      # natIcmpSend as number
      1:26 YM_CONFIG_TYPE
        natIcmpSend must be true or false, not 1
        = whether a server's packet of no connection is refused: true or false
      # pingVip as word
      1:22 YM_CONFIG_TYPE
        pingVip must be true or false, not the text "maybe"
        = whether pings to a service's address are answered: true or false
      # port mapping with dr
      2:98 YM_CONFIG_PORT_MAPPING
        dr cannot map port 80 to 8080: it changes nothing but the MAC address
        = remove the port (the server then listens on 80), or use forwarding: nat or fullnat
      # port mapping of a dr server in a nat service
      2:99 YM_CONFIG_PORT_MAPPING
        dr cannot map port 80 to 8080: it changes nothing but the MAC address
        = remove the port (the server then listens on 80), or use forwarding: nat or fullnat
      # port mapping with tun
      2:99 YM_CONFIG_PORT_MAPPING
        tun cannot map port 80 to 8080: it wraps packets and changes nothing in them
        = remove the port (the server then listens on 80), or use forwarding: nat or fullnat
      # encapsulation of tun that is wrong
      2:42 YM_CONFIG_VALUE
        encapsulation names both gue and gre
        = write one of gue and gre, or the word ipip
      2:57 YM_CONFIG_RANGE
        port 0 is outside 1–65535
        = the UDP port that servers take GUE on, 1–65535
      # families that dr cannot mix beside tun
      2:82 YM_CONFIG_FAMILY
        server fd00::11 is IPv6, its service IPv4: dr cannot mix them
        = write the server's IPv4 address, or a service of its own for IPv6, or use forwarding: tun or fullnat
      # fullnat without local addresses
      2:86 YM_CONFIG_LOCAL_ADDRESS
        fullnat has no IPv4 address to send to server 10.0.0.11 from
        = write addresses that lead to the director, and that nothing else uses, under director.localAddresses
      # fullnat of one server without local addresses of its family
      3:81 YM_CONFIG_LOCAL_ADDRESS
        fullnat has no IPv6 address to send to server fd00::11 from
        = write addresses that lead to the director, and that nothing else uses, under director.localAddresses
      # local addresses of a service that cannot be read
      2:48 YM_CONFIG_ADDRESS
        "nowhere" is no address, prefix or range
        = an address, a prefix such as 10.0.0.16/28, or a range such as 10.0.0.5-10.0.0.9
      # families that nat cannot mix
      2:82 YM_CONFIG_FAMILY
        server fd00::11 is IPv6, its service IPv4: nat cannot mix them
        = write the server's IPv4 address, or a service of its own for IPv6, or use forwarding: tun or fullnat
      "
    `);
  });
});

it("knows four methods, of which those that the data plane has not are refused by name", () => {
  expect([...forwardingMethods, ...plannedForwardingMethods].sort()).toEqual(["dr", "fullnat", "nat", "tun"]);
  for (const method of plannedForwardingMethods) {
    expect(briefly(service(`forwarding: ${method}`))).toContainEqual(
      expect.stringContaining(`forwarding "${method}" is not supported yet`),
    );
  }
});
