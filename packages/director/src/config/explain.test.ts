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
    "list of ports": service("port: [80, 443]"),
    "range of ports": service("port: 8000-8999"),
    "any port": service("port: any"),
    "address that is none": service("address: 10.0.0.256"),
    "address as number": service("address: 10.5"),
    "address with leading zeros": service("address: 010.0.0.1"),
    "host name": service("address: example.org"),
    "IPv6 address": service('address: "2001:db8::1"'),
    prefix: service("address: 198.51.100.0/24"),
    "multicast address": service("address: 224.0.0.18"),
    "loopback address": service("address: 127.0.0.1"),
    "unknown protocol": service("protocol: tpc"),
    "protocol not built yet": service("protocol: sctp"),
    "unknown scheduler": service("scheduler: wlcc"),
    "scheduler unlike any": service("scheduler: fastest"),
    "scheduler as list": service("scheduler: [rr]"),
    "unknown forwarding method": service("forwarding: masquerade"),
    "forwarding method not built yet": service("forwarding: tun"),
    persistence: service("persistence: { timeout: 5m }"),
    check: service("check: { interval: 1s }"),
    threshold: service("", "[{ address: 10.0.0.11, upperThreshold: 10 }]"),
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
        = a port is a number, 1–65535
      # port that is zero
      2:16 YM_CONFIG_RANGE
        port 0 is outside 1–65535
        = a port is a number, 1–65535
      # port with a fraction
      2:16 YM_CONFIG_RANGE
        port 80.5 is no whole number
        = a port is a number, 1–65535
      # port as text
      2:16 YM_CONFIG_TYPE
        port must be a number, not the text "80"
        = a port is a number, 1–65535
      # port that is empty
      2:10 YM_CONFIG_TYPE
        "port" is empty
        = a port is a number, 1–65535
      # list of ports
      2:16 YM_CONFIG_NOT_SUPPORTED
        a list of ports is not supported yet
        = write one service for each port
      # range of ports
      2:16 YM_CONFIG_NOT_SUPPORTED
        a range of ports is not supported yet
        = write one service for each port
      # any port
      2:16 YM_CONFIG_NOT_SUPPORTED
        port "any" is not supported yet
        = write one service for each port
      # address that is none
      2:19 YM_CONFIG_ADDRESS
        "10.0.0.256" is no IPv4 address
        = the IPv4 address that clients connect to, such as 198.51.100.10
      # address as number
      2:19 YM_CONFIG_TYPE
        address must be an IPv4 address, not 10.5
        = the IPv4 address that clients connect to, such as 198.51.100.10
      # address with leading zeros
      2:19 YM_CONFIG_ADDRESS
        "010.0.0.1" is no IPv4 address
        = the IPv4 address that clients connect to, such as 198.51.100.10
      # host name
      2:19 YM_CONFIG_ADDRESS
        "example.org" is no IPv4 address
        = the IPv4 address that clients connect to, such as 198.51.100.10
      # IPv6 address
      2:19 YM_CONFIG_NOT_SUPPORTED
        address "2001:db8::1": IPv6 is not supported yet
        = the IPv4 address that clients connect to, such as 198.51.100.10
      # prefix
      2:19 YM_CONFIG_NOT_SUPPORTED
        prefix "198.51.100.0/24": prefixes are not supported yet
        = the IPv4 address that clients connect to, such as 198.51.100.10
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
      # persistence
      2:10 YM_CONFIG_NOT_SUPPORTED
        "persistence" is not supported yet
        = remove the key
      # check
      2:10 YM_CONFIG_NOT_SUPPORTED
        "check" is not supported yet
        = remove the key
      # threshold
      2:92 YM_CONFIG_NOT_SUPPORTED
        "upperThreshold" is not supported yet
        = remove the key
      # misspelt key
      2:10 YM_CONFIG_UNKNOWN_KEY
        unknown key "schedular" in service "web"
        = did you mean "scheduler"?
      # unknown key
      2:10 YM_CONFIG_UNKNOWN_KEY
        unknown key "colour" in service "web"
        = known here: address, port, protocol, scheduler, forwarding, servers
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
        service "a b" has no "port"
        = a port is a number, 1–65535
      1:13 YM_CONFIG_MISSING
        service "a b" has no "forwarding"
        = forwarding methods: nat or dr
      1:13 YM_CONFIG_MISSING
        service "a b" has no "servers"
        = a list of real servers, each { address: 10.0.0.11, weight: 1 }
      1:29 YM_CONFIG_ADDRESS
        "10.0.0.300" is no IPv4 address
        = the IPv4 address that clients connect to, such as 198.51.100.10
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
