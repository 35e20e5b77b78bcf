// From what people write to where packets go: configuration files with everything that services can have, played packet
// by packet on either host.

import { describe, expect, it } from "vitest";
import { parseConfiguration } from "../src/config/parse-configuration.ts";
import { readConnections } from "../src/status/connections.ts";
import { readServices, readVerdicts } from "../src/status/snapshot.ts";
import { Bench, type ContractHost, TICKS_PER_SECOND, XDP_DROP, XDP_PASS, XDP_TX } from "./bench.ts";
import { tcpPacket, udpPacket } from "./sample.ts";

/** A client's address and port. */
const client = (index: number) => `203.0.113.${index}:${4000 + index}` as const;

/** A director of a configuration file. */
class Configured extends Bench {
  constructor(host: ReturnType<ContractHost["create"]>, text: string) {
    super(host, parseConfiguration(`${text}\n`, "y.yaml").configuration);
  }

  /** The server that a packet goes to, as "service address:port" of the configuration; else the verdict's number. */
  way(packet: Uint8Array): string | number {
    const before = this.#packets();
    const verdict = this.send(packet);
    const after = this.#packets();
    return [...after].find(([name, packets]) => packets !== before.get(name))?.[0] ?? verdict;
  }

  rows(): string[] {
    return readConnections(this.dataplane, this.now(), 100).map(
      ({ protocol, state, expiresInMs, client: from, virtual, destination, service }) =>
        `${service}: ${protocol} ${state} ${expiresInMs / 1000}s ${from} ${virtual} ${destination}`,
    );
  }

  reasons(): Readonly<Record<string, number>> {
    return Object.fromEntries(readVerdicts(this.dataplane).map(({ reason, packets }) => [reason, packets]));
  }

  advance(seconds: number): void {
    this.setTime(this.now() + seconds * TICKS_PER_SECOND);
  }

  #packets(): ReadonlyMap<string, number> {
    return new Map(
      readServices(this.dataplane).flatMap(({ name, servers }) =>
        servers.map(({ address, port, packetsIn }) => [`${name} ${address}:${port}`, packetsIn] as const),
      ),
    );
  }
}

const director = (settings: string) => `director: { connections: { maximum: 1000 }${settings} }\n`;
const services = (...lines: readonly string[]) => `services:\n${lines.map((line) => `  ${line}`).join("\n")}`;

/** The contract. */
export function describeConfiguredServices({ create }: Pick<ContractHost, "create">): void {
  const configured = (text: string) => new Configured(create(), text);

  describe("which service gets a packet", () => {
    const rest = (server: number) => `forwarding: dr, servers: [{ address: 10.0.0.${server} }]`;
    const text =
      director("") +
      services(
        `wide: { address: 198.18.0.0/15, port: [80, 8000-8999], ${rest(1)} }`,
        `narrow: { address: 198.18.7.0/24, port: 80, ${rest(2)} }`,
        `others: { address: 198.18.0.0/15, port: any, ${rest(3)} }`,
        `exact: { address: 198.18.7.7, port: 80, ${rest(4)} }`,
        `datagrams: { addresses: [198.18.0.0/16, 192.0.2.1], port: 53, protocol: udp, ${rest(5)} }`,
      );

    it.each([
      ["an address and port alone come first", "198.18.7.7:80", "exact 10.0.0.4:80"],
      ["then the longest prefix that has the port", "198.18.7.8:80", "narrow 10.0.0.2:80"],
      ["a shorter one where the longer has not", "198.18.8.8:80", "wide 10.0.0.1:0"],
      ["a range has its first port", "198.18.8.8:8000", "wide 10.0.0.1:0"],
      ["and its last", "198.19.255.255:8999", "wide 10.0.0.1:0"],
      ["any port is those that nobody names", "198.18.7.7:81", "others 10.0.0.3:0"],
      ["from the lowest", "198.18.0.1:1", "others 10.0.0.3:0"],
      ["to the highest", "198.18.0.1:65535", "others 10.0.0.3:0"],
      ["beyond all prefixes the stack gets it", "198.20.0.1:80", XDP_PASS],
    ] as const)("%s: %s", (_, to, expected) => {
      using bench = configured(text);
      expect(bench.way(tcpPacket(client(1), to, "S"))).toBe(expected);
    });

    it("another protocol has services of its own, of several prefixes", () => {
      using bench = configured(text);
      const to = ["198.18.7.7:53", "192.0.2.1:53", "192.0.2.2:53", "198.18.7.7:80"] as const;
      expect(to.map((address) => bench.way(udpPacket(client(1), address)))).toEqual([
        "datagrams 10.0.0.5:53",
        "datagrams 10.0.0.5:53",
        XDP_PASS,
        XDP_PASS,
      ]);
    });

    it("replies of nat servers of a prefix come from the address that the client wrote to", () => {
      const server = "servers: [{ address: 10.0.0.1 }, { address: 10.0.0.2, port: 8080 }]";
      using bench = configured(
        director("") +
          services(`web: { address: 198.18.0.0/15, port: any, scheduler: rr, forwarding: nat, ${server} }`),
      );
      const syns = ["198.18.0.1:80", "198.19.0.9:443"] as const;
      expect(syns.map((to) => bench.way(tcpPacket("203.0.113.7:4001", to, "S")))).toEqual([
        "web 10.0.0.1:0",
        "web 10.0.0.2:8080",
      ]);
      expect(bench.send(tcpPacket("10.0.0.1:80", "203.0.113.7:4001", "SA"))).toBe(XDP_TX);
      expect(bench.send(tcpPacket("10.0.0.2:8080", "203.0.113.7:4001", "SA"))).toBe(XDP_TX);
      expect(bench.rows().toSorted()).toEqual([
        "web: tcp SYN_RECV 60s 203.0.113.7:4001 198.18.0.1:80 10.0.0.1:80",
        "web: tcp SYN_RECV 60s 203.0.113.7:4001 198.19.0.9:443 10.0.0.2:8080",
      ]);
    });
  });

  describe("marks", () => {
    const text =
      director(
        ", marks: [{ mark: 7, address: 192.0.2.0/24 }, { mark: 7, address: 198.51.100.1, port: [80, 443], protocol: tcp }]",
      ) +
      services(
        "shop: { mark: 7, scheduler: rr, forwarding: dr, persistence: { timeout: 5m, netmask: 24 }, " +
          "servers: [{ address: 10.0.0.1 }, { address: 10.0.0.2 }] }",
      );

    it("gather addresses, ports and protocols in one service, and a client stays with its server across all", () => {
      using bench = configured(text);
      const first = bench.way(tcpPacket("203.0.113.7:4001", "192.0.2.9:22", "S"));
      expect(first).toBe("shop 10.0.0.1:0");
      expect(bench.way(tcpPacket("203.0.113.8:4001", "198.51.100.1:443", "S"))).toBe(first);
      expect(bench.way(udpPacket("203.0.113.7:4001", "192.0.2.1:53"))).toBe(first);
      expect(bench.way(tcpPacket("203.0.114.8:4001", "198.51.100.1:80", "S"))).toBe("shop 10.0.0.2:0");
      expect(bench.way(tcpPacket("203.0.113.8:4001", "198.51.100.1:22", "S"))).toBe(XDP_PASS);
      expect(bench.way(udpPacket("203.0.113.8:4001", "198.51.100.1:80"))).toBe(XDP_PASS);
      expect(bench.rows().slice(4).toSorted()).toEqual([
        "shop: any NONE 300s 203.0.113.0:0 mark 7 10.0.0.1:0",
        "shop: any NONE 300s 203.0.114.0:0 mark 7 10.0.0.2:0",
      ]);
      expect(readServices(bench.dataplane)).toMatchObject([
        { matchText: "mark 7", persistentClients: 2, servers: [{ persistentClients: 1 }, { persistentClients: 1 }] },
      ]);
    });
  });

  describe("persistence", () => {
    const service = (port: string, entries = "") =>
      `web: { address: 198.51.100.10, port: ${port}, scheduler: rr, forwarding: dr, persistence: 2m${entries}, ` +
      "servers: [{ address: 10.0.0.1 }, { address: 10.0.0.2 }] }";

    it("is across the ports of a service, and its templates are listed", () => {
      using bench = configured(director("") + services(service("[80, 443]")));
      const to = ["198.51.100.10:80", "198.51.100.10:443"] as const;
      expect(to.map((address) => bench.way(tcpPacket(client(7), address, "S")))).toEqual([
        "web 10.0.0.1:0",
        "web 10.0.0.1:0",
      ]);
      expect(bench.way(tcpPacket(client(8), to[0], "S"))).toBe("web 10.0.0.2:0");
      expect(bench.rows().slice(3).toSorted()).toEqual([
        "web: tcp NONE 120s 203.0.113.7:0 198.51.100.10:0 10.0.0.1:0",
        "web: tcp NONE 120s 203.0.113.8:0 198.51.100.10:0 10.0.0.2:0",
      ]);
    });

    it("a template is assured once a connection was established, and stays while one goes on", () => {
      using bench = configured(director("") + services(service("80")));
      for (const flags of ["S", "A"]) bench.way(tcpPacket(client(7), "198.51.100.10:80", flags));
      const template = "web: tcp ASSURED 120s 203.0.113.7:0 198.51.100.10:80 10.0.0.1:80";
      expect(bench.rows()).toEqual([expect.stringContaining("ESTABLISHED"), template]);
      bench.advance(121);
      expect(bench.rows().at(1)).toBe(template.replace("120s", "0s"));
    });
  });

  describe("IPv6", () => {
    it("is served as IPv4 is, and shown in brackets", () => {
      const servers = 'servers: [{ address: "2001:db8:1::11", upperThreshold: 4 }, { address: "2001:db8:1::12" }]';
      const address = 'address: "2001:db8::10", port: 80, persistence: { netmask: 64 }';
      using bench = configured(
        director("") + services(`six: { ${address}, scheduler: rr, forwarding: dr, ${servers} }`),
      );
      const way = (from: string) => bench.way(tcpPacket(`[${from}]:4001`, "[2001:db8::10]:80", "S"));
      expect(["2001:db8:7::1", "2001:db8:7::2", "2001:db8:8::1"].map(way)).toEqual([
        "six 2001:db8:1::11:80",
        "six 2001:db8:1::11:80",
        "six 2001:db8:1::12:80",
      ]);
      expect(bench.rows().toSorted()).toEqual([
        "six: tcp NONE 360s [2001:db8:7::]:0 [2001:db8::10]:80 [2001:db8:1::11]:80",
        "six: tcp NONE 360s [2001:db8:8::]:0 [2001:db8::10]:80 [2001:db8:1::12]:80",
        "six: tcp SYN_RECV 60s [2001:db8:7::1]:4001 [2001:db8::10]:80 [2001:db8:1::11]:80",
        "six: tcp SYN_RECV 60s [2001:db8:7::2]:4001 [2001:db8::10]:80 [2001:db8:1::11]:80",
        "six: tcp SYN_RECV 60s [2001:db8:8::1]:4001 [2001:db8::10]:80 [2001:db8:1::12]:80",
      ]);
      expect(readServices(bench.dataplane)[0]?.matchText).toBe("tcp [2001:db8::10]:80");
    });
  });

  describe("limits", () => {
    const web = (entries: string, servers: string) =>
      services(
        `web: { address: 198.51.100.10, port: 80, scheduler: rr, forwarding: dr, ${entries}servers: [${servers}] }`,
      );
    const syns = (count: number) =>
      Array.from({ length: count }, (_, index) => tcpPacket(client(index + 1), "198.51.100.10:80", "S"));

    it("a server at its upper threshold gets no more, until it is below the lower one", () => {
      using bench = configured(
        director("") + web("", "{ address: 10.0.0.1, upperThreshold: 2 }, { address: 10.0.0.2 }"),
      );
      const state = () =>
        readServices(bench.dataplane)[0]?.servers.map(({ upperThreshold, lowerThreshold, overloaded }) => [
          ...[upperThreshold, lowerThreshold, overloaded],
        ]);
      expect(syns(6).map((packet) => bench.way(packet))).toEqual([
        "web 10.0.0.1:80",
        "web 10.0.0.2:80",
        "web 10.0.0.1:80",
        "web 10.0.0.2:80",
        "web 10.0.0.2:80",
        "web 10.0.0.2:80",
      ]);
      // Three quarters of 2, as IPVS rounds them.
      expect(state()).toEqual([
        [2, 2, true],
        [0, 0, false],
      ]);
      bench.advance(61);
      bench.reap();
      expect(state()?.[0]).toEqual([2, 2, false]);
    });

    it("caps on new and on half-open connections", () => {
      using perSecond = configured(director("") + web("caps: { newPerSecond: 2 }, ", "{ address: 10.0.0.1 }"));
      expect(syns(3).map((packet) => perSecond.send(packet))).toEqual([XDP_TX, XDP_TX, XDP_DROP]);
      expect(perSecond.reasons()).toEqual({ tooManyNew: 1 });
      using halfOpen = configured(director("") + web("caps: { halfOpen: 1 }, ", "{ address: 10.0.0.1 }"));
      expect(syns(2).map((packet) => halfOpen.send(packet))).toEqual([XDP_TX, XDP_DROP]);
      expect(halfOpen.reasons()).toEqual({ tooManyHalfOpen: 1 });
    });

    it("one of so many new connections is dropped, the first included", () => {
      using bench = configured(director(", dropPackets: { oneOf: 3 }") + web("", "{ address: 10.0.0.1 }"));
      expect(syns(5).map((packet) => bench.send(packet))).toEqual([XDP_DROP, XDP_TX, XDP_TX, XDP_DROP, XDP_TX]);
    });
  });

  describe("schedulers", () => {
    const servers = "servers: [{ address: 10.0.0.1 }, { address: 10.0.0.2 }, { address: 10.0.0.3 }]";
    const service = (entries: string) =>
      services(`web: { address: 198.51.100.10, port: 80, forwarding: dr, ${entries}, ${servers} }`);
    const fromPorts = (bench: Configured) =>
      new Set(
        Array.from({ length: 20 }, (_, index) =>
          bench.way(tcpPacket(`203.0.113.7:${4000 + index}`, "198.51.100.10:80", "S")),
        ),
      ).size;

    it.each(["sh", "mh"])("%s tells clients apart by address, with its option by port, too", (name) => {
      using byAddress = configured(director("") + service(`scheduler: ${name}`));
      using byPort = configured(director("") + service(`scheduler: ${name}, schedulerOptions: [${name}-port]`));
      expect([fromPorts(byAddress), fromPorts(byPort)]).toEqual([1, 3]);
    });

    it("mh has the table that was asked for", () => {
      using bench = configured(director("") + service("scheduler: mh, tableSize: 251"));
      expect(bench.dataplane.live.recordOf(0)).toMatchObject({ tableLength: 251 });
    });

    it("one-packet scheduling keeps nothing", () => {
      using bench = configured(director("") + service("protocol: udp, onePacket: true, scheduler: rr"));
      const packets = [1, 2, 3, 4].map(() => udpPacket(client(7), "198.51.100.10:80"));
      expect(packets.map((packet) => bench.way(packet))).toEqual([
        "web 10.0.0.1:80",
        "web 10.0.0.2:80",
        "web 10.0.0.3:80",
        "web 10.0.0.1:80",
      ]);
      expect(bench.rows()).toEqual([]);
    });
  });

  describe("compatibility with IPVS", () => {
    const web = (scheduler: string, servers: string) =>
      director(", compatibility: ipvs") +
      services(
        `web: { address: 198.51.100.10, port: 80, scheduler: ${scheduler}, forwarding: dr, servers: [${servers}] }`,
      );
    const first = (bench: Configured, count: number) =>
      Array.from({ length: count }, (_, index) =>
        String(bench.way(tcpPacket(client(index + 1), "198.51.100.10:80", "S"))).replace(/.*\.(\d+):80/, "$1"),
      ).join(" ");
    const weighted = (...weights: readonly number[]) =>
      weights.map((weight, index) => `{ address: 10.0.0.${index + 1}, weight: ${weight} }`).join(", ");

    it("lists the last server first, and starts wrr where adding them one by one leaves it", () => {
      using rr = configured(web("rr", weighted(1, 1, 1)));
      expect(first(rr, 4)).toBe("3 2 1 3");
      // Shared behaviour reference §3.
      using wrr = configured(web("wrr", weighted(5, 1, 1)));
      expect(first(wrr, 9)).toBe("3 2 1 1 1 1 1 3 2");
      using others = configured(web("wrr", weighted(1, 2, 3)));
      expect(first(others, 6)).toBe("3 2 1 3 3 2");
    });

    it("leaves packets from port 20 to the stack, and answers where no server is available", () => {
      using bench = configured(web("rr", weighted(1)));
      expect(bench.way(tcpPacket("203.0.113.7:20", "198.51.100.10:80", "S"))).toBe(XDP_PASS);
      using none = configured(web("rr", weighted(0)));
      expect(none.send(tcpPacket(client(7), "198.51.100.10:80", "S"))).toBe(XDP_TX);
      using kind = configured(web("rr", weighted(0)).replace("ipvs", "none"));
      expect(kind.send(tcpPacket(client(7), "198.51.100.10:80", "S"))).toBe(XDP_PASS);
    });
  });
}
