// Every fault of a health check: its place, code, exact text and hint; and what good ones come to.
import { describe, expect, it } from "vitest";
import { briefly, explained, service } from "../../test/faults.ts";
import { parseConfiguration } from "./parse-configuration.ts";

function parsed(text: string) {
  const { configuration } = parseConfiguration(text, "y.yaml");
  const [first] = configuration.services;
  if (first === undefined) throw new Error("no service");
  return first;
}

describe("a check", () => {
  it("is a word, with everything else as usual", () => {
    expect(parsed(service("check: tcp")).health).toEqual({
      checks: [
        {
          ...{ probe: { kind: "tcp" }, via: "vip", port: undefined },
          ...{ intervalMs: 2000, jitterMs: 200, timeoutMs: 1000, rise: 2, fall: 3, takesHints: true },
        },
      ],
      onDown: "drain",
      quorum: 1,
    });
  });

  it("says what is sent and what must come back", () => {
    const probes = [
      "{ tls: { serverName: example.org, verify: true } }",
      "{ http: { path: /h, host: a, status: [200, 300-399], body: ok, headers: { X-A: b } }, port: 81, jitter: 0s }",
      "{ https: { method: HEAD, body: { matches: ^o } }, interval: 50ms, timeout: 20ms, rise: 1, fall: 1 }",
      "{ dns: { name: example.org, type: AAAA, rcode: NXDOMAIN, answer: '::1' } }",
      "{ udp: { send: ping, expect: pong } }",
      "{ udp: { sendHex: 00fF } }",
      "{ grpc: { service: shop, tls: true } }",
      "{ command: [/bin/true, -a] }",
      "grpc",
    ];
    expect(parsed(service(`port: 80, checks: [${probes.join(", ")}]`)).health?.checks).toMatchInlineSnapshot(`
      [
        {
          "fall": 3,
          "intervalMs": 2000,
          "jitterMs": 200,
          "port": undefined,
          "probe": {
            "kind": "tls",
            "serverName": "example.org",
            "verify": true,
          },
          "rise": 2,
          "takesHints": true,
          "timeoutMs": 1000,
          "via": "vip",
        },
        {
          "fall": 3,
          "intervalMs": 2000,
          "jitterMs": 0,
          "port": 81,
          "probe": {
            "body": {
              "contains": "ok",
            },
            "headers": {
              "X-A": "b",
            },
            "host": "a",
            "kind": "http",
            "method": "GET",
            "path": "/h",
            "status": [
              {
                "first": 200,
                "last": 200,
              },
              {
                "first": 300,
                "last": 399,
              },
            ],
          },
          "rise": 2,
          "takesHints": true,
          "timeoutMs": 1000,
          "via": "vip",
        },
        {
          "fall": 1,
          "intervalMs": 50,
          "jitterMs": 5,
          "port": undefined,
          "probe": {
            "body": {
              "matches": "^o",
            },
            "headers": {},
            "host": undefined,
            "kind": "https",
            "method": "HEAD",
            "path": "/",
            "serverName": undefined,
            "status": [
              {
                "first": 200,
                "last": 299,
              },
            ],
            "verify": false,
          },
          "rise": 1,
          "takesHints": true,
          "timeoutMs": 20,
          "via": "vip",
        },
        {
          "fall": 3,
          "intervalMs": 2000,
          "jitterMs": 200,
          "port": undefined,
          "probe": {
            "answer": "::1",
            "kind": "dns",
            "name": "example.org",
            "rcode": "NXDOMAIN",
            "type": "AAAA",
          },
          "rise": 2,
          "takesHints": true,
          "timeoutMs": 1000,
          "via": "vip",
        },
        {
          "fall": 3,
          "intervalMs": 2000,
          "jitterMs": 200,
          "port": undefined,
          "probe": {
            "expect": {
              "contains": "pong",
            },
            "kind": "udp",
            "send": "70696e67",
          },
          "rise": 2,
          "takesHints": true,
          "timeoutMs": 1000,
          "via": "vip",
        },
        {
          "fall": 3,
          "intervalMs": 2000,
          "jitterMs": 200,
          "port": undefined,
          "probe": {
            "expect": undefined,
            "kind": "udp",
            "send": "00ff",
          },
          "rise": 2,
          "takesHints": true,
          "timeoutMs": 1000,
          "via": "vip",
        },
        {
          "fall": 3,
          "intervalMs": 2000,
          "jitterMs": 200,
          "port": undefined,
          "probe": {
            "kind": "grpc",
            "serverName": undefined,
            "service": "shop",
            "tls": true,
            "verify": false,
          },
          "rise": 2,
          "takesHints": true,
          "timeoutMs": 1000,
          "via": "vip",
        },
        {
          "fall": 3,
          "intervalMs": 2000,
          "jitterMs": 200,
          "port": undefined,
          "probe": {
            "command": [
              "/bin/true",
              "-a",
            ],
            "kind": "command",
          },
          "rise": 2,
          "takesHints": true,
          "timeoutMs": 1000,
          "via": "direct",
        },
        {
          "fall": 3,
          "intervalMs": 2000,
          "jitterMs": 200,
          "port": undefined,
          "probe": {
            "kind": "grpc",
            "serverName": undefined,
            "service": "",
            "tls": false,
            "verify": false,
          },
          "rise": 2,
          "takesHints": true,
          "timeoutMs": 1000,
          "via": "vip",
        },
      ]
    `);
  });

  it("of a server stands for the service's; an empty list for none", () => {
    const servers = "[{ address: 10.0.0.11, check: grpc }, { address: 10.0.0.12, checks: [] }, { address: 10.0.0.13 }]";
    const { servers: read } = parsed(service("check: tcp", servers));
    expect(read.map(({ checks }) => checks?.map(({ probe }) => probe.kind))).toEqual([["grpc"], [], undefined]);
  });

  it("brings a sorry server, which has weight 0", () => {
    const entries = "check: tcp, onDown: cut, quorum: 3, sorryServer: { address: 10.0.0.99 }";
    const { health, servers } = parsed(service(entries));
    expect(health).toMatchObject({ onDown: "cut", quorum: 3 });
    expect(servers.at(-1)).toEqual({
      ...{ address: "10.0.0.99", port: 80, weight: 0, forwarding: "dr", isSorry: true },
      ...{ upperThreshold: 0, lowerThreshold: 0 },
    });
  });
});

describe("each fault of a check", () => {
  const many = "address: 198.51.100.10, port: [80, 443], forwarding: dr";
  const cases: Readonly<Record<string, string>> = {
    "no kind": service("check: { interval: 1s }"),
    "two kinds": service("check: { tcp: {}, http: {} }"),
    "a word that is none": service("check: tpc"),
    "a word that needs parameters": service("check: dns"),
    "a list": service("check: [tcp]"),
    "both check and checks": service("check: tcp, checks: [tcp]"),
    "checks that are no list": service("checks: tcp"),
    "an entry of checks": service("checks: [tcp, { tcp: 80 }]"),
    "an unknown key": service("check: { tcp: {}, intervall: 1s }"),
    "an unknown key inside": service("check: { http: { pth: / } }"),
    "an interval without unit": service("check: { tcp: {}, interval: 2 }"),
    "an interval that is too short": service("check: { tcp: {}, interval: 1ms }"),
    "a way that is none": service("check: { tcp: {}, via: tunnel }"),
    "a status": service("check: { http: { status: 999 } }"),
    "a status range": service("check: { http: { status: [200, 399-300] } }"),
    "a status in words": service("check: { http: { status: ok } }"),
    "a method": service("check: { http: { method: get } }"),
    "a header's name": service("check: { http: { headers: { 'X A': b } } }"),
    "a header's value": service('check: { http: { headers: { X-A: "b\\r\\nX-B: c" } } }'),
    "a header that is a number": service("check: { http: { headers: { X-A: 1 } } }"),
    "an expression": service("check: { http: { body: { matches: '(' } } }"),
    "an empty body": service("check: { http: { body: '' } }"),
    "a body of another form": service("check: { http: { body: { contains: a } } }"),
    "a path with a space": service("check: { http: { path: '/a b' } }"),
    "a path that is none": service("check: { http: { path: health } }"),
    "a domain name": service("check: { dns: { name: example..org } }"),
    "a name that is missing": service("check: { dns: { type: A } }"),
    "a record type": service("check: { dns: { name: a, type: AAA } }"),
    "hexadecimal digits": service("check: { udp: { sendHex: abc } }"),
    "two ways to send": service("check: { udp: { send: a, sendHex: ab } }"),
    "a command without path": service("check: { command: [check] }"),
    "a command in one text": service("check: { command: /bin/true -a }"),
    "an empty command": service("check: { command: [] }"),
    "a command with a number": service("check: { command: [/bin/true, 1] }"),
    "no port to check": `services:\n  web: { ${many}, check: tcp, servers: [{ address: 10.0.0.11 }] }\n`,
    "rise of zero": service("check: { tcp: {}, rise: 0 }"),
    "consequences without checks": service("onDown: cut, quorum: 2, sorryServer: { address: 10.0.0.99 }"),
    "an unknown consequence": service("check: tcp, onDown: kill"),
    "a sorry server without address": service("port: 80, check: tcp, sorryServer: { port: 80 }"),
    "a sorry server that is a server": service("check: tcp, sorryServer: { address: 10.0.0.11 }"),
    "a sorry server's port with dr": service("port: 80, check: tcp, sorryServer: { address: 10.0.0.99, port: 81 }"),
    "a check of a server": service("", "[{ address: 10.0.0.11, check: { http: { path: 1 } } }]"),
  };
  it.each(Object.entries(cases))("%s", (_, text) => {
    expect(briefly(text)).not.toEqual([]);
  });
  it("has its text", () => {
    expect(explained(cases)).toMatchInlineSnapshot(`
      "
      # no kind
      2:17 YM_CONFIG_CHECK
        the check says not what is checked
        = write a kind: tcp, tls, http, https, dns, udp, grpc or command, such as tcp: {}
      # two kinds
      2:17 YM_CONFIG_CHECK
        the check names both tcp and http
        = write checks: a list with one for each; the server is up when all are good
      # a word that is none
      2:17 YM_CONFIG_VALUE
        unknown check "tpc"
        = did you mean "tcp"? tcp, tls, http, https, grpc, or a map: { http: { path: / } }, or with dns, udp, command
      # a word that needs parameters
      2:17 YM_CONFIG_VALUE
        unknown check "dns"
        = tcp, tls, http, https, grpc, or a map: { http: { path: / } }, or with dns, udp, command
      # a list
      2:17 YM_CONFIG_TYPE
        check must be a word, not a list
        = tcp, tls, http, https, grpc, or a map: { http: { path: / } }, or with dns, udp, command
      # both check and checks
      2:10 YM_CONFIG_CHECK
        check and checks say the same: one check, or a list of them
        = move the check into the list
      # checks that are no list
      2:18 YM_CONFIG_TYPE
        checks must be a list, not the text "tcp"
        = a list of checks, each such as tcp, or { http: { path: /health } }; [] for none
      # an entry of checks
      2:31 YM_CONFIG_TYPE
        tcp of entry 2 of checks of service "web" must be a map, not 80
        = a TCP connection: {}
      # an unknown key
      2:28 YM_CONFIG_UNKNOWN_KEY
        unknown key "intervall" in check of service "web"
        = did you mean "interval"?
      # an unknown key inside
      2:27 YM_CONFIG_UNKNOWN_KEY
        unknown key "pth" in http of check of service "web"
        = did you mean "path"?
      # an interval without unit
      2:38 YM_CONFIG_DURATION
        duration 2 of "interval" has no unit
        = write 2s for seconds; how often: a duration such as 500ms or 2s
      # an interval that is too short
      2:38 YM_CONFIG_DURATION
        "1ms" is outside 10ms–1d
        = how often: a duration such as 500ms or 2s
      # a way that is none
      2:33 YM_CONFIG_VALUE
        unknown via "tunnel"
        = the way to the server: vip or direct
      # a status
      2:35 YM_CONFIG_VALUE
        status 999 is outside 100–599
        = HTTP status codes: a number, a list such as [200, 204], or a range such as 200-299
      # a status range
      2:35 YM_CONFIG_VALUE
        status ends before it begins
        = HTTP status codes: a number, a list such as [200, 204], or a range such as 200-299
      # a status in words
      2:35 YM_CONFIG_VALUE
        status "ok" is no range
        = HTTP status codes: a number, a list such as [200, 204], or a range such as 200-299
      # a method
      2:35 YM_CONFIG_VALUE
        unknown method "get"
        = did you mean "GET"? what is asked: GET, HEAD or OPTIONS
      # a header's name
      2:38 YM_CONFIG_NAME
        "X A" cannot be a header's name
        = a header's name is letters, digits and dashes, such as X-Check
      # a header's value
      2:43 YM_CONFIG_VALUE
        X-A "b??X-B: c" has a line break or a zero in it
        = the header's value: text
      # a header that is a number
      2:43 YM_CONFIG_TYPE
        X-A must be text, not 1
        = the header's value: text
      # an expression
      2:44 YM_CONFIG_VALUE
        matches "(" is no regular expression: Unterminated group
        = a regular expression, such as 'status": *"ok'
      # an empty body
      2:33 YM_CONFIG_VALUE
        body "" is empty: it is in every answer
        = what the body must have: text, or { matches: REGULAR EXPRESSION }
      # a body of another form
      2:27 YM_CONFIG_MISSING
        body of http of check of service "web" has no "matches"
        = a regular expression, such as 'status": *"ok'
      2:35 YM_CONFIG_UNKNOWN_KEY
        unknown key "contains" in body of http of check of service "web"
        = known here: matches
      # a path with a space
      2:33 YM_CONFIG_VALUE
        path "/a b" has a space or another character that is to be encoded
        = what is asked for: a path such as /health
      # a path that is none
      2:33 YM_CONFIG_VALUE
        path "health" does not begin with /
        = what is asked for: a path such as /health
      # a domain name
      2:32 YM_CONFIG_VALUE
        name "example..org" has an empty label
        = the name that is asked for, such as example.org
      # a name that is missing
      2:19 YM_CONFIG_MISSING
        dns of check of service "web" has no "name"
        = the name that is asked for, such as example.org
      # a record type
      2:41 YM_CONFIG_VALUE
        unknown type "AAA"
        = did you mean "AAAA"? a record type: A, NS, CNAME, SOA, PTR, MX, TXT, AAAA or SRV
      # hexadecimal digits
      2:35 YM_CONFIG_VALUE
        sendHex "abc" is no even number of hexadecimal digits
        = what is sent: an even number of hexadecimal digits
      # two ways to send
      2:35 YM_CONFIG_CHECK
        send and sendHex say the same in two ways
        = keep one of them
      # a command without path
      2:28 YM_CONFIG_VALUE
        command must begin with an absolute path
        = a program and its arguments: [/usr/local/bin/check-shop, --fast]; its path is absolute
      # a command in one text
      2:28 YM_CONFIG_TYPE
        command must be a list of texts, not the text "/bin/true -a"
        = a program and its arguments: [/usr/local/bin/check-shop, --fast]; its path is absolute
      # an empty command
      2:28 YM_CONFIG_VALUE
        command is an empty list
        = a program and its arguments: [/usr/local/bin/check-shop, --fast]; its path is absolute
      # a command with a number
      2:40 YM_CONFIG_TYPE
        entry of command must be text, not 1
        = text, in quotes where it looks like a number
      # no port to check
      2:74 YM_CONFIG_CHECK_PORT
        service "web" has no single port: which one is checked?
        = write the check's port, as in { tcp: {}, port: 80 }
      # rise of zero
      2:34 YM_CONFIG_RANGE
        rise 0 is outside 1–1000
        = good answers in a row that bring a server up, 1–1000
      # consequences without checks
      2:10 YM_CONFIG_CHECK
        onDown says what follows from checks, and service "web" has none
        = add a check, such as check: tcp, or remove onDown
      2:23 YM_CONFIG_CHECK
        quorum says what follows from checks, and service "web" has none
        = add a check, such as check: tcp, or remove quorum
      2:34 YM_CONFIG_CHECK
        sorryServer says what follows from checks, and service "web" has none
        = add a check, such as check: tcp, or remove sorryServer
      # an unknown consequence
      2:30 YM_CONFIG_VALUE
        unknown onDown "kill"
        = what becomes of connections of a server that fails its checks: drain or cut
      # a sorry server without address
      2:32 YM_CONFIG_MISSING
        sorryServer of service "web" has no "address"
        = the address of the sorry server, such as 10.0.0.99
      # a sorry server that is a server
      2:35 YM_CONFIG_DUPLICATE_SERVER
        server 10.0.0.11:80 is already on line 2
        = list a server once; a higher weight gives it more connections
      # a sorry server's port with dr
      2:73 YM_CONFIG_PORT_MAPPING
        dr cannot map port 80 to 81: it changes nothing but the MAC address
        = remove the port (the server then listens on 80), or use forwarding: nat or fullnat
      # a check of a server
      2:115 YM_CONFIG_TYPE
        path must be text, not 1
        = what is asked for: a path such as /health
      "
    `);
  });
});
