// Every fault that a configuration file can have: its place, code, exact text and hint.
import { describe, expect, it } from "vitest";
import { ConfigurationError } from "./fault.ts";
import { parseConfiguration } from "./parse-configuration.ts";

/** A file with one service whose flow map holds these entries beside good ones. */
function service(entries: string, servers = "[{ address: 10.0.0.11 }]"): string {
  const rest = ["address: 198.51.100.10", "port: 80", "forwarding: dr"].filter((entry) => {
    const key = entry.slice(0, entry.indexOf(":") + 1);
    return !entries.startsWith(key) && !entries.includes(`, ${key}`);
  });
  const own = entries === "" ? [] : [entries];
  return `services:\n  web: { ${[...own, ...rest, `servers: ${servers}`].join(", ")} }\n`;
}

/** A file with two services that differ in these entries. */
function twoServices(first: string, second: string): string {
  const rest = "forwarding: dr, servers: [{ address: 10.0.0.11 }]";
  return `services:\n  a: { ${first}, ${rest} }\n  b: { ${second}, ${rest} }\n`;
}

/** A file with marks and a service. */
function marked(marks: string, entries: string, servers = "[{ address: 10.0.0.11 }]"): string {
  return `director: { marks: ${marks} }\nservices:\n  web: { ${entries}, forwarding: dr, servers: ${servers} }\n`;
}

/** Place and code, message, hint of each fault of a file, a line each. */
function briefly(text: string): string[] {
  try {
    parseConfiguration(text, "y.yaml");
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.faults.map(({ line, column, code, message, hint }) =>
      [`${line}:${column} ${code}`, `  ${message}`, ...(hint === undefined ? [] : [`  = ${hint}`])].join("\n"),
    );
  }
}

describe("each fault", () => {
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
    "option of another scheduler": service("scheduler: sh, schedulerOptions: [sh-port, mh-port]"),
    "option of a scheduler without any": service("scheduler: rr, schedulerOptions: [sh-port]"),
    "unknown option": service("scheduler: sh, schedulerOptions: [sh-prot]"),
    "table size of a scheduler without table": service("scheduler: rr, tableSize: 4093"),
    "table size that is no prime": service("scheduler: mh, tableSize: 4096"),
    "table size that is too small": service("scheduler: mh, tableSize: 13"),
    "persistence without unit": service("persistence: 300"),
    "persistence that is no duration": service("persistence: long"),
    "persistence as list": service("persistence: [5m]"),
    "persistence with faults inside": service("persistence: { timeout: 5, netmask: 33, mask: 24 }"),
    "persistence with a mask that has holes": service("persistence: { netmask: 255.0.255.0 }"),
    "persistence with a netmask that is none": service("persistence: { netmask: [24] }"),
    "persistence with a netmask of zero": service("persistence: { netmask: 0 }"),
    "one-packet scheduling of TCP": service("onePacket: true"),
    "onePacket as word": service("protocol: udp, onePacket: yes"),
    "cap of zero": service("caps: { newPerSecond: 0 }"),
    "cap of half-open connections of UDP": service("protocol: udp, caps: { halfOpen: 100 }"),
    "unknown cap": service("caps: { perSecond: 1 }"),
    "multicast address": service("address: 224.0.0.18"),
    "loopback address": service("address: 127.0.0.1"),
    "unknown protocol": service("protocol: tpc"),
    "protocol not built yet": service("protocol: sctp"),
    "unknown scheduler": service("scheduler: wlcc"),
    "scheduler unlike any": service("scheduler: fastest"),
    "scheduler as list": service("scheduler: [rr]"),
    "unknown forwarding method": service("forwarding: masquerade"),
    "forwarding method not built yet": service("forwarding: tun"),
    check: service("check: { interval: 1s }"),
    "lower threshold above the upper": service("", "[{ address: 10.0.0.11, upperThreshold: 10, lowerThreshold: 11 }]"),
    "lower threshold alone": service("", "[{ address: 10.0.0.11, lowerThreshold: 11 }]"),
    "negative threshold": service("", "[{ address: 10.0.0.11, upperThreshold: -1 }]"),
    "misspelt key": service("schedular: rr"),
    "unknown key": service("colour: red"),
    "unknown key of the file": `${service("")}servers: []\n`,
    "missing servers": "services:\n  web: { address: 198.51.100.10, port: 80, forwarding: dr }\n",
    "missing services": "director: {}\n",
    "servers that are a map": service("", "{ address: 10.0.0.11 }"),
    "server that is text": service("", "[10.0.0.11]"),
    "negative weight": service("", "[{ address: 10.0.0.11, weight: -1 }]"),
    "weight that is too large": service("", "[{ address: 10.0.0.11, weight: 65536 }]"),
    "duplicate server": service("", "[{ address: 10.0.0.11 }, { address: 10.0.0.11, port: 80 }]"),
    "server that is the service": service("", "[{ address: 198.51.100.10 }]"),
    "port mapping with dr": service("", "[{ address: 10.0.0.11, port: 8080 }]"),
    "port mapping of a dr server in a nat service": service(
      "forwarding: nat",
      "[{ address: 10.0.0.11, port: 8080, forwarding: dr }]",
    ),
    "name of a service": "services: { a b: { address: 10.0.0.300 } }\n",
    "duplicate key": `${service("")}services: {}\n`,
    "hook not built yet": `director: { hook: tc }\n${service("")}`,
    "unknown compatibility": `director: { compatibility: lvs }\n${service("")}`,
    "duration without unit": `director: { timeouts: { tcp: 900 } }\n${service("")}`,
    "duration with an unknown unit": `director: { timeouts: { udp: 5min } }\n${service("")}`,
    "duration that is too long": `director: { timeouts: { tcpFin: 32d } }\n${service("")}`,
    "duration of a state that there is not": `director: { timeouts: { synSend: 1m } }\n${service("")}`,
    "removal not built yet": `director: { onRemoval: reset }\n${service("")}`,
    "unknown removal": `director: { onRemoval: forget }\n${service("")}`,
    "port reuse by number": `director: { portReuse: 1 }\n${service("")}`,
    "unknown word for quiesced templates": `director: { quiescedTemplates: leaves }\n${service("")}`,
    "sloppyTcp as number": `director: { sloppyTcp: 1 }\n${service("")}`,
    "share of one": `director: { dropPackets: { oneOf: 1 } }\n${service("")}`,
    "share as number": `director: { dropPackets: 10 }\n${service("")}`,
    "share that is missing": `director: { dropPackets: {} }\n${service("")}`,
    "marks as map": `director: { marks: { mark: 7 } }\n${service("")}`,
    "maximum of zero": `director: { connections: { maximum: 0 } }\n${service("")}`,
    "no interfaces": `director: { interfaces: [] }\n${service("")}`,
    "interface name that is too long": `director: { interfaces: [abcdefghijklmnop] }\n${service("")}`,
    "interface listed twice": `director: { interfaces: [eth0, eth0] }\n${service("")}`,
    "empty file": "# nothing\n",
    "file that is a list": "- 1\n",
    "two documents": `${service("")}---\na: 1\n`,
    "unclosed bracket": "services: [1, 2\n",
    "tab for indentation": "services:\n\tweb: 1\n",
    "unknown tag": "services: !secret x\n",
    "alias without anchor": "services: *nothing\n",
    "alias inside its anchor": "services: &a { web: *a }\n",
    "merge of a list of numbers": "services:\n  <<: [1]\n",
    "key that is no word": "services: { [a]: 1 }\n",
    prototype: "services: { __proto__: 1 }\n",
    "deep nesting": `services: ${"[".repeat(40)}${"]".repeat(40)}\n`,
  };
  it.each(Object.entries(cases))("%s", (_, text) => {
    expect(briefly(text)).not.toEqual([]);
  });
  it("has its text", () => {
    const texts = Object.entries(cases).map(([name, text]) => [`# ${name}`, ...briefly(text)].join("\n"));
    expect(`\n${texts.join("\n")}\n`).toMatchInlineSnapshot(`
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
        server 10.0.0.11 is IPv4, service "web" IPv6: dr cannot mix them
        = write the server's IPv6 address, or a service of its own for IPv4
      # IPv6 server of an IPv4 service
      2:81 YM_CONFIG_FAMILY
        server 2001:db8::11 is IPv6, service "web" IPv4: dr cannot mix them
        = write the server's IPv4 address, or a service of its own for IPv6
      # addresses of both families
      2:10 YM_CONFIG_MATCH
        service "web" has both "address" and "addresses"
        = write them all under addresses
      2:37 YM_CONFIG_FAMILY
        service "web" mixes IPv4 and IPv6: 198.51.100.11, 2001:db8::1
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
        = remove the port (the server then listens on the ports that clients write to), or use forwarding: nat
      # port mapping with dr from several ports
      2:105 YM_CONFIG_PORT_MAPPING
        dr cannot map several ports to 80: it changes nothing but the MAC address
        = remove the port (the server then listens on the ports that clients write to), or use forwarding: nat
      # option of another scheduler
      2:53 YM_CONFIG_SCHEDULER_OPTION
        scheduler sh has no option "mh-port"
        = it has sh-port or sh-fallback; mh has this one
      # option of a scheduler without any
      2:44 YM_CONFIG_SCHEDULER_OPTION
        scheduler rr has no option "sh-port"
        = it has none; sh has this one
      # unknown option
      2:44 YM_CONFIG_VALUE
        unknown entry of schedulerOptions "sh-prot"
        = did you mean "sh-port"? schedulers' options: sh-fallback, sh-port, mh-fallback or mh-port
      # table size of a scheduler without table
      2:36 YM_CONFIG_SCHEDULER_OPTION
        scheduler rr has no table whose size could be chosen
        = remove tableSize, or take mh
      # table size that is no prime
      2:36 YM_CONFIG_RANGE
        tableSize 4096 is no prime
        = only with a prime does every server come by every slot: 4093, 65537 …
      # table size that is too small
      2:36 YM_CONFIG_RANGE
        tableSize 13 is outside 251–1048573
        = how many slots the scheduler's table has: a prime, 251–1048573
      # persistence without unit
      2:23 YM_CONFIG_DURATION
        duration 300 of "persistence" has no unit
        = write 300s for seconds; how long clients stay with their server, such as 5m, or { timeout: 5m, netmask: 24 }
      # persistence that is no duration
      2:23 YM_CONFIG_DURATION
        "long" is no duration
        = how long clients stay with their server, such as 5m, or { timeout: 5m, netmask: 24 }
      # persistence as list
      2:23 YM_CONFIG_TYPE
        persistence must be a duration, not a list
        = how long clients stay with their server, such as 5m, or { timeout: 5m, netmask: 24 }
      # persistence with faults inside
      2:34 YM_CONFIG_DURATION
        duration 5 of "timeout" has no unit
        = write 5s for seconds; timeout of a client after its last new connection: a number with its unit, such as 90s, 15m, 1h
      2:46 YM_CONFIG_NETMASK
        netmask 33 is longer than the 32 bits of an IPv4 address
        = write 1–32, such as 24
      2:50 YM_CONFIG_UNKNOWN_KEY
        unknown key "mask" in persistence of service "web"
        = known here: timeout, netmask
      # persistence with a mask that has holes
      2:34 YM_CONFIG_VALUE
        "255.0.255.0" is no netmask: its ones must come first
        = which clients are one: a number of bits such as 24 (IPv4) or 64 (IPv6), or a mask such as 255.255.255.0
      # persistence with a netmask that is none
      2:34 YM_CONFIG_TYPE
        netmask must be a number, not a list
        = which clients are one: a number of bits such as 24 (IPv4) or 64 (IPv6), or a mask such as 255.255.255.0
      # persistence with a netmask of zero
      2:34 YM_CONFIG_VALUE
        netmask 0 is outside 1–128
        = which clients are one: a number of bits such as 24 (IPv4) or 64 (IPv6), or a mask such as 255.255.255.0
      # one-packet scheduling of TCP
      2:10 YM_CONFIG_ONE_PACKET
        onePacket is for udp: the packets of a TCP connection belong together
        = remove onePacket, or write protocol: udp
      # onePacket as word
      2:36 YM_CONFIG_TYPE
        onePacket must be true or false, not the text "yes"
        = whether every packet is scheduled on its own: true or false
      # cap of zero
      2:32 YM_CONFIG_RANGE
        newPerSecond 0 is outside 1–67108864
        = new connections taken in a second, 1–67108864
      # cap of half-open connections of UDP
      2:33 YM_CONFIG_CAP
        udp has no half-open connections to cap
        = remove halfOpen; newPerSecond caps udp, too
      # unknown cap
      2:18 YM_CONFIG_UNKNOWN_KEY
        unknown key "perSecond" in caps of service "web"
        = known here: newPerSecond, halfOpen
      # multicast address
      2:19 YM_CONFIG_ADDRESS
        224.0.0.18 is a multicast address
        = write an address that other hosts can reach
      # loopback address
      2:19 YM_CONFIG_ADDRESS
        127.0.0.1 is a loopback address
        = write an address that other hosts can reach
      # unknown protocol
      2:20 YM_CONFIG_VALUE
        unknown protocol "tpc"
        = did you mean "tcp"? a service's protocol: tcp or udp
      # protocol not built yet
      2:20 YM_CONFIG_NOT_SUPPORTED
        protocol "sctp" is not supported yet
        = this version has tcp or udp
      # unknown scheduler
      2:21 YM_CONFIG_VALUE
        unknown scheduler "wlcc"
        = did you mean "wlc"? schedulers: rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, mh, fo, ovf or twos
      # scheduler unlike any
      2:21 YM_CONFIG_VALUE
        unknown scheduler "fastest"
        = schedulers: rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, mh, fo, ovf or twos
      # scheduler as list
      2:21 YM_CONFIG_TYPE
        scheduler must be a word, not a list
        = schedulers: rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, mh, fo, ovf or twos
      # unknown forwarding method
      2:22 YM_CONFIG_VALUE
        unknown forwarding "masquerade"
        = forwarding methods: nat or dr
      # forwarding method not built yet
      2:22 YM_CONFIG_NOT_SUPPORTED
        forwarding "tun" is not supported yet
        = this version has nat or dr
      # check
      2:10 YM_CONFIG_NOT_SUPPORTED
        "check" is not supported yet
        = remove the key
      # lower threshold above the upper
      2:128 YM_CONFIG_THRESHOLD
        lowerThreshold 11 is above upperThreshold 10
        = a server that has reached the upper threshold gets no connections until it is below the lower one
      # lower threshold alone
      2:108 YM_CONFIG_THRESHOLD
        lowerThreshold 11 has no upperThreshold
        = a server that has reached the upper threshold gets no connections until it is below the lower one
      # negative threshold
      2:108 YM_CONFIG_RANGE
        upperThreshold -1 is outside 0–67108864
        = connections at which a server gets no more, 0–67108864; 0 for none
      # misspelt key
      2:10 YM_CONFIG_UNKNOWN_KEY
        unknown key "schedular" in service "web"
        = did you mean "scheduler"?
      # unknown key
      2:10 YM_CONFIG_UNKNOWN_KEY
        unknown key "colour" in service "web"
        = known here: address, addresses, port, protocol, mark, scheduler, schedulerOptions, tableSize, forwarding, persistence, onePacket, caps, servers
      # unknown key of the file
      3:1 YM_CONFIG_UNKNOWN_KEY
        unknown key "servers" in the file
        = known here: director, services
      # missing servers
      2:3 YM_CONFIG_MISSING
        service "web" has no "servers"
        = a list of real servers, each { address: 10.0.0.11, weight: 1 }
      # missing services
      1:1 YM_CONFIG_MISSING
        the file has no "services"
        = a map from each service's name to its settings
      # servers that are a map
      2:69 YM_CONFIG_TYPE
        servers must be a list, not a map
        = a list of real servers, each { address: 10.0.0.11, weight: 1 }
      # server that is text
      2:70 YM_CONFIG_TYPE
        server 1 of service "web" must be a map, not the text "10.0.0.11"
        = a real server: address, port, weight, forwarding
      # negative weight
      2:100 YM_CONFIG_RANGE
        weight -1 is outside 0–65535
        = a weight is a number, 0–65535; 0 takes no new connections
      # weight that is too large
      2:100 YM_CONFIG_RANGE
        weight 65536 is outside 0–65535
        = a weight is a number, 0–65535; 0 takes no new connections
      # duplicate server
      2:94 YM_CONFIG_DUPLICATE_SERVER
        server 10.0.0.11:80 is already on line 2
        = list a server once; a higher weight gives it more connections
      # server that is the service
      2:81 YM_CONFIG_SERVER_IS_SERVICE
        server 198.51.100.10 is the service's own address: packets would come back to the director
        = write the address that the real server itself has
      # port mapping with dr
      2:98 YM_CONFIG_PORT_MAPPING
        dr cannot map port 80 to 8080: it changes nothing but the MAC address
        = remove the port (the server then listens on 80), or use forwarding: nat
      # port mapping of a dr server in a nat service
      2:99 YM_CONFIG_PORT_MAPPING
        dr cannot map port 80 to 8080: it changes nothing but the MAC address
        = remove the port (the server then listens on 80), or use forwarding: nat
      # name of a service
      1:13 YM_CONFIG_NAME
        "a b" cannot be a service's name
        = a service's name is 1–63 letters, digits, dots, dashes or underscores and begins with a letter or digit
      1:13 YM_CONFIG_MISSING
        service "a b" has no "forwarding"
        = forwarding methods: nat or dr
      1:13 YM_CONFIG_MISSING
        service "a b" has no "servers"
        = a list of real servers, each { address: 10.0.0.11, weight: 1 }
      1:13 YM_CONFIG_MISSING
        service "a b" has no "port"
        = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      1:29 YM_CONFIG_ADDRESS
        "10.0.0.300" is no address and no prefix
        = the address or prefix that clients connect to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      # duplicate key
      3:1 YM_CONFIG_DUPLICATE_KEY
        key "services" is already on line 1
        = remove one of the two
      # hook not built yet
      1:19 YM_CONFIG_NOT_SUPPORTED
        hook "tc" is not supported yet
        = this version has auto, xdp or xdp-generic
      # unknown compatibility
      1:28 YM_CONFIG_VALUE
        unknown compatibility "lvs"
        = whose behaviour to keep to the letter: none or ipvs
      # duration without unit
      1:30 YM_CONFIG_DURATION
        duration 900 of "tcp" has no unit
        = write 900s for seconds; timeout of established TCP connections: a number with its unit, such as 90s, 15m, 1h
      # duration with an unknown unit
      1:30 YM_CONFIG_DURATION
        "5min" is no duration
        = timeout of UDP flows: a number with its unit, such as 90s, 15m, 1h
      # duration that is too long
      1:33 YM_CONFIG_DURATION
        "32d" is outside 1s–20d
        = timeout of TCP connections that are being closed: a number with its unit, such as 90s, 15m, 1h
      # duration of a state that there is not
      1:25 YM_CONFIG_UNKNOWN_KEY
        unknown key "synSend" in director.timeouts
        = did you mean "synSent"?
      # removal not built yet
      1:24 YM_CONFIG_NOT_SUPPORTED
        onRemoval "reset" is not supported yet
        = this version has drop or reschedule
      # unknown removal
      1:24 YM_CONFIG_VALUE
        unknown onRemoval "forget"
        = what becomes of connections of a removed server (LVS: drop): drop or reschedule
      # port reuse by number
      1:24 YM_CONFIG_TYPE
        portReuse must be a word, not 1
        = which connections a SYN of the same client port replaces: never, ended or closing
      # unknown word for quiesced templates
      1:32 YM_CONFIG_VALUE
        unknown quiescedTemplates "leaves"
        = did you mean "leave"? whether persistent clients keep a server of weight 0: keep or leave
      # sloppyTcp as number
      1:24 YM_CONFIG_TYPE
        sloppyTcp must be true or false, not 1
        = whether any TCP packet may open a connection: true or false
      # share of one
      1:35 YM_CONFIG_RANGE
        oneOf 1 is outside 2–1000000
        = of how many packets that open a connection one is dropped
      # share as number
      1:26 YM_CONFIG_TYPE
        director.dropPackets must be a map, not 10
        = a share of new connections to drop, such as { oneOf: 10 }
      # share that is missing
      1:13 YM_CONFIG_MISSING
        director.dropPackets has no "oneOf"
        = of how many packets that open a connection one is dropped
      # marks as map
      1:20 YM_CONFIG_TYPE
        marks must be a list, not a map
        = which packets get a mark: a list of { mark: 7, address: 10.0.0.0/8, port: 80 }
      # maximum of zero
      1:37 YM_CONFIG_RANGE
        maximum 0 is outside 1–67108864
        = how many entries the connection table holds, 1–67108864
      # no interfaces
      1:25 YM_CONFIG_VALUE
        the list "interfaces" is empty
        = a list of interface names, such as [eth0]
      # interface name that is too long
      1:26 YM_CONFIG_VALUE
        "abcdefghijklmnop" cannot be an interface's name
        = an interface name is 1–15 characters, such as eth0
      # interface listed twice
      1:32 YM_CONFIG_DUPLICATE_INTERFACE
        interface "eth0" is listed twice
        = remove one of the two
      # empty file
      1:1 YM_CONFIG_EMPTY
        the file holds no configuration
      # file that is a list
      1:1 YM_CONFIG_TYPE
        the file must be a map, not a list
        = a configuration is a map with the keys director and services
      # two documents
      3:1 YM_CONFIG_YAML
        a second YAML document begins here
        = the file must be one YAML 1.2 document; a key and its value are written \`key: value\`
      # unclosed bracket
      2:1 YM_CONFIG_YAML
        not valid YAML: flow sequence in block collection must be sufficiently indented and end with a ]
        = the file must be one YAML 1.2 document; a key and its value are written \`key: value\`
      # tab for indentation
      2:1 YM_CONFIG_YAML
        not valid YAML: tabs are not allowed as indentation
        = the file must be one YAML 1.2 document; a key and its value are written \`key: value\`
      # unknown tag
      1:11 YM_CONFIG_YAML
        not valid YAML: unresolved tag: !secret
        = the file must be one YAML 1.2 document; a key and its value are written \`key: value\`
      # alias without anchor
      1:11 YM_CONFIG_YAML
        no anchor &nothing before this
      # alias inside its anchor
      1:21 YM_CONFIG_YAML
        alias *a is inside its own anchor
      # merge of a list of numbers
      2:3 YM_CONFIG_YAML
        << merges maps only
        = write \`<<: *anchor\`, or a list of such aliases
      # key that is no word
      1:13 YM_CONFIG_YAML
        this key is no plain word
      # prototype
      1:13 YM_CONFIG_YAML
        "__proto__" cannot be a key
      # deep nesting
      1:43 YM_CONFIG_SIZE
        values are nested more than 32 levels deep
      "
    `);
  });
});
