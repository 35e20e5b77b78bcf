// Each check on a network that is written down: what it finds, with the evidence and the command that mends it, and
// that it finds nothing where the requirement is met.
import { describe, expect, it } from "vitest";
import { type NetworkChanges, sampleNetwork } from "../../test/network.ts";
import type { Check, Subject } from "./check.ts";
import { ipForwarding } from "./ip-forwarding.ts";
import { localAddressOwned } from "./local-address-owned.ts";
import { neighbourKnown } from "./neighbour-known.ts";
import { onLink } from "./on-link.ts";
import { checkRequirements } from "./registry.ts";
import { repliesThroughDirector } from "./replies-through-director.ts";
import { tunnelRoom } from "./tunnel-room.ts";
import { vipOnServer } from "./vip-on-server.ts";

const subject: Subject = {
  forwarding: "dr",
  server: "10.0.0.11",
  family: "ipv4",
  virtual: ["198.51.100.10"],
  protocols: ["tcp"],
  encapsulation: undefined,
  localAddresses: [],
  interfaces: undefined,
};

/** Findings as text, a line each for reason, evidence and remedy. */
function found(check: Check, changes: Partial<Subject> = {}, network: NetworkChanges = {}): string {
  return check({ ...subject, ...changes }, sampleNetwork(network))
    .map(({ severity, code, message, evidence, hint, about }) =>
      [
        `${severity} ${code}${about === undefined ? "" : ` (${about})`}`,
        `  ${message}`,
        `  ${evidence}`,
        `  ${hint}`,
      ].join("\n"),
    )
    .join("\n");
}

describe("direct routing", () => {
  it("is good on the link, and refused behind a router", () => {
    expect(found(onLink)).toBe("");
    expect(found(onLink, { server: "192.0.2.1" })).toBe("");
    expect(found(onLink, { server: "10.9.1.1" })).toMatchInlineSnapshot(`
      "error YM_CONFIG_NOT_ON_LINK
        dr server 10.9.1.1 is behind the router 10.0.0.254 (eth0); dr needs it on the same link
        ip route get 10.9.1.1: via 10.0.0.254 dev eth0
        if it is on that link: ip route replace 10.9.1.1 dev eth0; else use forwarding: nat, tun or fullnat"
    `);
  });

  it("is doubtful where the server answers ARP for the service's address", () => {
    const server = { mac: "02:00:00:00:00:0b", state: "reachable" };
    const neighbours = { "eth0 10.0.0.11": server };
    expect(found(vipOnServer, {}, { neighbours })).toBe("");
    const own = { "eth0 198.51.100.10": { mac: "02:00:00:00:00:01", state: "stale" } };
    expect(found(vipOnServer, {}, { neighbours: { ...neighbours, ...own } })).toBe("");
    const taken = { neighbours: { ...neighbours, "eth0 198.51.100.10": server } };
    expect(found(vipOnServer, {}, taken)).toMatchInlineSnapshot(`
      "warning YM_CONFIG_VIP_ANSWERED
        server 10.0.0.11 answers ARP for 198.51.100.10: clients there go past the director
        ip neighbour show dev eth0: 198.51.100.10 and 10.0.0.11 are both 02:00:00:00:00:0b
        on the server: yardmaster realserver up --method dr --service 198.51.100.10"
    `);
  });
});

describe("the answers of NAT", () => {
  it("come back from another link, and may not from behind a router", () => {
    expect(found(repliesThroughDirector, { forwarding: "nat" })).toBe("");
    expect(found(repliesThroughDirector, { forwarding: "nat", server: "10.9.1.1" })).toMatchInlineSnapshot(`
      "warning YM_CONFIG_REPLIES
        nat server 10.9.1.1 is behind the router 10.0.0.254: its answers may not come back
        ip route get 10.9.1.1: via 10.0.0.254 dev eth0
        on that router: ip route replace default via 10.0.0.1; or use forwarding: fullnat"
    `);
  });

  it("do not come back from the clients' own subnet", () => {
    const six = { server: "fd00::11", virtual: ["fd00::100"] };
    expect(found(repliesThroughDirector, { virtual: ["10.0.0.100"] })).toMatchInlineSnapshot(`
      "warning YM_CONFIG_REPLIES
        nat server 10.0.0.11 shares a subnet with 10.0.0.100: clients there get its answers directly
        ip address show dev eth0: 10.0.0.1/24
        on the server: ip route replace 10.0.0.0/24 via 10.0.0.1; or use forwarding: fullnat"
    `);
    expect(found(repliesThroughDirector, six)).toContain("on the server: ip route replace fd00::/64 via fd00::1;");
  });
});

describe("forwarding", () => {
  it("must be on where packets come in", () => {
    expect(found(ipForwarding)).toBe("");
    const off = { settings: { "net.ipv4.conf.eth0.forwarding": "0", "net.ipv6.conf.eth0.forwarding": "0" } };
    expect(found(ipForwarding, {}, off)).toMatchInlineSnapshot(`
      "error YM_CONFIG_FORWARDING
        IPv4 forwarding is off on eth0
        sysctl net.ipv4.conf.eth0.forwarding: 0
        a director forwards packets: sysctl -w net.ipv4.ip_forward=1"
    `);
    expect(found(ipForwarding, { family: "ipv6" }, off)).toContain("sysctl -w net.ipv6.conf.all.forwarding=1");
    expect(found(ipForwarding, { interfaces: ["eth1", "eht9"] }, off)).toBe("");
    const other = { settings: { "net.ipv4.conf.eth1.forwarding": "0" } };
    expect(found(ipForwarding, { interfaces: ["eth1"] }, other)).toContain("IPv4 forwarding is off on eth1");
    expect(found(ipForwarding, {}, other)).toBe("");
  });
});

describe("a tunnel", () => {
  const tun: Partial<Subject> = { encapsulation: { kind: "ipip" } };
  const gue = { kind: "gue", port: 6080, checksum: false } as const;

  it("has room where nobody sends large packets of TCP, or there is no tunnel", () => {
    expect(found(tunnelRoom, { ...tun, protocols: ["udp"] })).toBe("");
    expect(found(tunnelRoom, {})).toBe("");
  });

  it("is too small for full packets otherwise", () => {
    expect(found(tunnelRoom, tun)).toMatchInlineSnapshot(`
      "warning YM_CONFIG_TUNNEL_ROOM
        only packets of up to 1480 bytes fit the tunnel to 10.0.0.11: clients may not hear of it
        ip route get 10.0.0.11: dev eth0 mtu 1500; ipip adds 20 bytes to each packet
        use realserver up there; or, if every device on the way takes it: ip link set dev eth0 mtu 1520"
    `);
    expect(found(tunnelRoom, { encapsulation: gue })).toMatchInlineSnapshot(`
      "warning YM_CONFIG_TUNNEL_ROOM
        only packets of up to 1468 bytes fit the tunnel to 10.0.0.11: clients may not hear of it
        ip route get 10.0.0.11: dev eth0 mtu 1500; gue port 6080 adds 32 bytes to each packet
        use realserver up there; or, if every device on the way takes it: ip link set dev eth0 mtu 1532"
    `);
  });

  it("is refused where it cannot carry what every link must", () => {
    expect(found(tunnelRoom, { encapsulation: gue, server: "10.8.0.1" })).toMatchInlineSnapshot(`
      "error YM_CONFIG_TUNNEL_ROOM
        tun server 10.8.0.1 gets packets of 558 bytes at most; there must be room for 576
        ip route get 10.8.0.1: via 10.0.0.254 dev eth0 mtu 590; gue port 6080 adds 32 bytes to each packet
        ip link set dev eth0 mtu 1532"
    `);
    const gre = { kind: "gre", checksum: true } as const;
    expect(found(tunnelRoom, { encapsulation: gre, server: "10.8.0.1", family: "ipv6" })).toContain("room for 1280");
  });
});

describe("a local address", () => {
  it("is good where it is this machine's", () => {
    expect(found(localAddressOwned, { localAddresses: ["10.0.0.5"] })).toBe("");
    expect(found(localAddressOwned)).toBe("");
  });

  it("is refused where answers to it go elsewhere, and doubtful where the machine itself uses it", () => {
    const localAddresses = ["10.0.0.6", "10.9.0.1", "192.0.2.1", "10.0.0.255", "10.0.0.1"];
    expect(found(localAddressOwned, { localAddresses })).toMatchInlineSnapshot(`
      "error YM_CONFIG_LOCAL_ADDRESS (10.0.0.6)
        answers to 10.0.0.6, no address of this machine, do not come here: nobody answers ARP for it
        ip route get 10.0.0.6: dev eth0
        ip address add 10.0.0.6/32 dev eth0
      error YM_CONFIG_LOCAL_ADDRESS (10.9.0.1)
        answers to 10.9.0.1, no address of this machine, do not come here: it leads elsewhere
        ip route get 10.9.0.1: via 10.0.0.254 dev eth0
        ip address add 10.9.0.1/32 dev lo, and a route to it through this machine on every server
      error YM_CONFIG_LOCAL_ADDRESS (192.0.2.1)
        answers to 192.0.2.1, no address of this machine, do not come here: it leads elsewhere
        ip route get 192.0.2.1: no route
        ip address add 192.0.2.1/32 dev lo, and a route to it through this machine on every server
      error YM_CONFIG_LOCAL_ADDRESS (10.0.0.255)
        10.0.0.255 is a broadcast address here (eth0)
        ip route get 10.0.0.255: dev eth0
        write another
      warning YM_CONFIG_LOCAL_ADDRESS (10.0.0.1)
        this machine's own connections to 10.0.0.11 come from 10.0.0.1 too: ports may clash
        ip route get 10.0.0.11: dev eth0 src 10.0.0.1
        give fullnat an address of its own: ip address add ADDRESS/32 dev eth0"
    `);
    expect(found(localAddressOwned, { localAddresses: ["fd00::6"] })).toContain("ip address add fd00::6/128 dev eth0");
  });
});

describe("a next hop", () => {
  it("must answer", () => {
    const silent = { mac: undefined, state: "failed" };
    const neighbours = { "eth0 10.0.0.11": { mac: "02:00:00:00:00:0b", state: "stale" }, "eth0 10.0.0.254": silent };
    expect(found(neighbourKnown, {}, { neighbours })).toBe("");
    expect(found(neighbourKnown, { server: "10.9.0.1" }, { neighbours })).toMatchInlineSnapshot(`
      "warning YM_CONFIG_NEIGHBOUR
        the router 10.0.0.254 on the way to server 10.9.0.1 does not answer ARP on eth0
        ip neighbour show 10.0.0.254 dev eth0: FAILED
        is it up, and on that link? ip neighbour flush 10.0.0.254 dev eth0 asks again"
    `);
    expect(found(neighbourKnown, {}, { neighbours: { "eth0 10.0.0.11": silent } })).toMatchInlineSnapshot(`
      "warning YM_CONFIG_NEIGHBOUR
        server 10.0.0.11 does not answer ARP on eth0
        ip neighbour show 10.0.0.11 dev eth0: FAILED
        is it up, and on that link? ip neighbour flush 10.0.0.11 dev eth0 asks again"
    `);
  });

  it("may take a second for that", () => {
    const asked = (silentMs: number) => ({ "eth0 10.0.0.11": { mac: undefined, state: "incomplete", silentMs } });
    expect(found(neighbourKnown, {}, { neighbours: asked(900) })).toBe("");
    expect(found(neighbourKnown, {}, { neighbours: asked(1100) })).toContain("dev eth0: INCOMPLETE");
  });
});

it("a method is asked for what its own file requires, and for nothing else", () => {
  const behind = { server: "10.9.1.1" };
  expect(found(checkRequirements, { ...behind, forwarding: "dr" })).toContain("YM_CONFIG_NOT_ON_LINK");
  expect(found(checkRequirements, { ...behind, forwarding: "nat" })).not.toContain("YM_CONFIG_NOT_ON_LINK");
  expect(found(checkRequirements, { ...behind, forwarding: "nat" })).toContain("YM_CONFIG_REPLIES");
});
