// Every fault of a file as such and of the director's settings: its place, code, exact text and hint.
import { describe, expect, it } from "vitest";
import { briefly, explained, service } from "../../test/faults.ts";

describe("each fault", () => {
  const cases: Readonly<Record<string, string>> = {
    "misspelt key": service("schedular: rr"),
    "unknown key": service("colour: red"),
    "unknown key of the file": `${service("")}servers: []\n`,
    "missing servers": "services:\n  web: { address: 198.51.100.10, port: 80, forwarding: dr }\n",
    "missing services": "director: {}\n",
    "servers that are a map": service("", "{ address: 10.0.0.11 }"),
    "server that is text": service("", "[10.0.0.11]"),
    "name of a service": "services: { a b: { address: 10.0.0.300 } }\n",
    "duplicate key": `${service("")}services: {}\n`,
    "unknown compatibility": `director: { compatibility: lvs }\n${service("")}`,
    "duration without unit": `director: { timeouts: { tcp: 900 } }\n${service("")}`,
    "duration with an unknown unit": `director: { timeouts: { udp: 5min } }\n${service("")}`,
    "duration that is too long": `director: { timeouts: { tcpFin: 32d } }\n${service("")}`,
    "duration of a state that there is not": `director: { timeouts: { synSend: 1m } }\n${service("")}`,
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
    expect(explained(cases)).toMatchInlineSnapshot(`
      "
      # misspelt key
      2:10 YM_CONFIG_UNKNOWN_KEY
        unknown key "schedular" in service "web"
        = did you mean "scheduler"?
      # unknown key
      2:10 YM_CONFIG_UNKNOWN_KEY
        unknown key "colour" in service "web"
        = known here: address, addresses, port, protocol, mark, scheduler, schedulerOptions, tableSize, …
      # unknown key of the file
      3:1 YM_CONFIG_UNKNOWN_KEY
        unknown key "servers" in the file
        = known here: director, api, services
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
      # name of a service
      1:13 YM_CONFIG_NAME
        "a b" cannot be a service's name
        = a service's name is 1–63 letters, digits, dots, dashes or underscores and begins with a letter or digit
      1:13 YM_CONFIG_MISSING
        service "a b" has no "forwarding"
        = forwarding methods: nat, dr, tun or fullnat
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
      # unknown removal
      1:24 YM_CONFIG_VALUE
        unknown onRemoval "forget"
        = what becomes of connections of a removed server (LVS: drop): drop, reset or reschedule
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
        = a configuration is a map with the keys director, api and services
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
