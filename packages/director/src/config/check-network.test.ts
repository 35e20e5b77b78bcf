// Checks of a file against a network, here one that is written down (test/network.ts).
import { describe, expect, it } from "vitest";
import { sampleNetwork } from "../../test/network.ts";
import { ConfigurationError, formatFaults } from "./fault.ts";
import { parseConfiguration } from "./parse-configuration.ts";

function check(text: string, network = sampleNetwork()): string {
  try {
    return formatFaults(parseConfiguration(text, "y.yaml", { network }).warnings);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message;
  }
}

function web(settings: string, ...servers: readonly string[]): string {
  const list = servers.map((server) => `      - { ${server} }\n`).join("");
  return `services:\n  web:\n    port: 80\n${settings}    servers:\n${list}`;
}

const vip = "    address: 198.51.100.10\n";

describe("a configuration on this network", () => {
  it("is good where every server can be reached in its method's way", () => {
    const text = web(`${vip}    forwarding: nat\n`, "address: 10.0.0.11", "address: 10.0.0.12, forwarding: dr");
    expect(check(text)).toBe("");
  });

  it("warns of a server whose answers may not come back, with what was seen and what mends it", () => {
    expect(check(web(`${vip}    forwarding: nat\n`, "address: 10.0.0.11", "address: 10.9.1.1"))).toMatchInlineSnapshot(`
      "y.yaml:8:20: warning: nat server 10.9.1.1 is behind the router 10.0.0.254: its answers may not come back
          8 |       - { address: 10.9.1.1 }
            |                    ^
            = seen: ip route get 10.9.1.1: via 10.0.0.254 dev eth0
            = on that router: ip route replace default via 10.0.0.1; or use forwarding: fullnat"
    `);
  });

  it("says at the local address what is wrong with it, once for all servers", () => {
    const settings = `${vip}    forwarding: fullnat\n    localAddresses: [10.0.0.5, 10.0.0.6-10.0.0.7]\n`;
    expect(check(web(settings, "address: 10.0.0.11", "address: 10.9.1.1"))).toMatchInlineSnapshot(`
      "y.yaml:6:32: error: answers to 10.0.0.6, no address of this machine, do not come here: nobody answers ARP for it
          6 |     localAddresses: [10.0.0.5, 10.0.0.6-10.0.0.7]
            |                                ^
            = seen: ip route get 10.0.0.6: dev eth0
            = ip address add 10.0.0.6/32 dev eth0
      y.yaml:6:32: error: answers to 10.0.0.7, no address of this machine, do not come here: nobody answers ARP for it
          6 |     localAddresses: [10.0.0.5, 10.0.0.6-10.0.0.7]
            |                                ^
            = seen: ip route get 10.0.0.7: dev eth0
            = ip address add 10.0.0.7/32 dev eth0"
    `);
  });

  it("asks tunnels for room: warned of what clients may send, refused where even the least does not fit", () => {
    const settings = `${vip}    forwarding: tun\n    encapsulation: gre\n`;
    const servers = ["address: 10.0.0.11", 'address: "fd00::11"'];
    expect(check(web(settings, ...servers))).toMatchInlineSnapshot(`
      "y.yaml:8:20: warning: only packets of up to 1476 bytes fit the tunnel to 10.0.0.11: clients may not hear of it
          8 |       - { address: 10.0.0.11 }
            |                    ^
            = seen: ip route get 10.0.0.11: dev eth0 mtu 1500; gre adds 24 bytes to each packet
            = use realserver up there; or, if every device on the way takes it: ip link set dev eth0 mtu 1524
      y.yaml:9:20: warning: only packets of up to 1456 bytes fit the tunnel to fd00::11: clients may not hear of it
          9 |       - { address: "fd00::11" }
            |                    ^
            = seen: ip route get fd00::11: dev eth0 mtu 1500; gre adds 44 bytes to each packet
            = use realserver up there; or, if every device on the way takes it: ip link set dev eth0 mtu 1544"
    `);
    expect(check(web(settings, "address: 10.8.0.1, encapsulation: ipip"))).toMatchInlineSnapshot(`
      "y.yaml:8:20: error: tun server 10.8.0.1 gets packets of 570 bytes at most; there must be room for 576
          8 |       - { address: 10.8.0.1, encapsulation: ipip }
            |                    ^
            = seen: ip route get 10.8.0.1: via 10.0.0.254 dev eth0 mtu 590; ipip adds 20 bytes to each packet
            = ip link set dev eth0 mtu 1520"
    `);
  });

  it("says once what is wrong with the machine", () => {
    const settings = { "net.ipv4.conf.eth0.forwarding": "0" };
    const text = web(`${vip}    forwarding: nat\n`, "address: 10.0.0.11", "address: 10.0.0.12");
    expect(check(text, sampleNetwork({ settings }))).toMatchInlineSnapshot(`
      "y.yaml:7:20: error: IPv4 forwarding is off on eth0
          7 |       - { address: 10.0.0.11 }
            |                    ^
            = seen: sysctl net.ipv4.conf.eth0.forwarding: 0
            = a director forwards packets: sysctl -w net.ipv4.ip_forward=1"
    `);
  });

  it("says which servers can't be reached, and why", () => {
    const servers = ["10.1.0.1", "10.0.0.1", "10.0.0.255", "10.9.1.1"].map((address) => `address: ${address}`);
    expect(check(web(`${vip}    forwarding: dr\n`, ...servers))).toMatchInlineSnapshot(`
      "y.yaml:7:20: error: server 10.1.0.1 is outside any route of this machine
          7 |       - { address: 10.1.0.1 }
            |                    ^
            = correct the address, or add a route: ip route add 10.1.0.1 …
      y.yaml:8:20: error: server 10.0.0.1 is an address of this machine
          8 |       - { address: 10.0.0.1 }
            |                    ^
            = forwarding to the director's own host is not supported yet: run the real server on another host
      y.yaml:9:20: error: server 10.0.0.255 is a broadcast address here (eth0)
          9 |       - { address: 10.0.0.255 }
            |                    ^
            = write the address of one host
      y.yaml:10:20: error: dr server 10.9.1.1 is behind the router 10.0.0.254 (eth0); dr needs it on the same link
         10 |       - { address: 10.9.1.1 }
            |                    ^
            = seen: ip route get 10.9.1.1: via 10.0.0.254 dev eth0
            = if it is on that link: ip route replace 10.9.1.1 dev eth0; else use forwarding: nat, tun or fullnat"
    `);
  });

  it("says so beside all other faults of the file", () => {
    const settings = `${vip}    forwarding: dr\n    scheduler: wl\n`;
    expect(check(`director: { interfaces: [eht0] }\n${web(settings, "address: 10.1.0.1")}`)).toMatchInlineSnapshot(`
      "y.yaml:1:26: error: no interface is named "eht0"
          1 | director: { interfaces: [eht0] }
            |                          ^
            = did you mean "eth0"? this machine has lo, eth0, eth1
      y.yaml:7:16: error: unknown scheduler "wl"
          7 |     scheduler: wl
            |                ^
            = did you mean "wlc"? schedulers: rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, mh, fo, ovf or twos
      y.yaml:9:20: error: server 10.1.0.1 is outside any route of this machine
          9 |       - { address: 10.1.0.1 }
            |                    ^
            = correct the address, or add a route: ip route add 10.1.0.1 …"
    `);
  });

  it("warns about a VIP that this machine does not have", () => {
    const text = web("    address: 198.51.100.99\n    forwarding: nat\n", "address: 10.0.0.11");
    expect(check(text)).toMatchInlineSnapshot(`
      "y.yaml:4:14: warning: 198.51.100.99 is no address of this machine: only a router can send its packets here
          4 |     address: 198.51.100.99
            |              ^
            = seen: ip route get 198.51.100.99: no route
            = fine behind a router with a route here; else: ip address add 198.51.100.99/32 dev …"
    `);
  });

  it("warns of an IPv6 VIP, and asks nothing of prefixes and marks", () => {
    const marks = "director: { marks: [{ mark: 7, address: 10.0.0.0/8 }] }\n";
    const marked = "  marked: { mark: 7, forwarding: nat, servers: [{ address: 10.0.0.11 }] }\n";
    const six = '  six: { address: "2001:db8::1", port: 80, forwarding: nat, servers: [] }\n';
    const prefix = web("    address: 192.0.2.0/24\n    forwarding: nat\n", "address: 10.0.0.11");
    expect(check(marks + prefix + marked + six)).toMatchInlineSnapshot(`
      "y.yaml:10:19: warning: 2001:db8::1 is no address of this machine: only a router can send its packets here
         10 |   six: { address: "2001:db8::1", port: 80, forwarding: nat, servers: [] }
            |                   ^
            = seen: ip route get 2001:db8::1: no route
            = fine behind a router with a route here; else: ip address add 2001:db8::1/128 dev …
      y.yaml:10:70: warning: service "six" has no servers: nobody answers its clients
         10 |   six: { address: "2001:db8::1", port: 80, forwarding: nat, servers: [] }
            |                                                                      ^
            = add servers, or remove the service"
    `);
  });
});
