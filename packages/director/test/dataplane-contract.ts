// What the control plane promises on either host: what it puts into the maps, what it reads back out of them
// after packets have passed, and that connections end.

import {
  families,
  Load,
  methods,
  REAPER_BATCH,
  reasons,
  sourceHashTable,
  states,
  transitionBytes,
} from "@yardmaster/dataplane";
import type { BpfProgram, JsOf } from "@yardmaster/ebpf";
import { describe, expect, it } from "vitest";
import { addressWords } from "@yardmaster/packet";
import type { TrafficCounters } from "../src/api/types.ts";
import type { HostOf } from "../src/kernel/dataplane.ts";
import { listedMember } from "../src/live/service.ts";
import { keepReaping } from "../src/reconcile/keep-reaping.ts";
import { reap, Reaping, type ReaperRound } from "../src/reconcile/reaper.ts";
import { readConnections } from "../src/status/connections.ts";
import { readServices, readVerdicts } from "../src/status/snapshot.ts";
import { Bench, clients, clientSlot, type ContractHost, TICKS_PER_SECOND, XDP_PASS, XDP_TX } from "./bench.ts";
import { dumpMaps, remembering } from "./map-dump.ts";
import { configuration, fourServices, tcpPacket, udpPacket, VIP } from "./sample.ts";

const { Connection, FlowKey } = families.ipv4;

/** Both methods and several schedulers, with room for `maximum` connections. */
function benchOf(host: HostOf<BpfProgram>, maximum = 1000): Bench {
  return new Bench(host, configuration(fourServices, { connections: { maximum } }));
}

/** Traffic of every kind: a nat connection that is answered, one that is closed, dr over UDP, and strangers. */
function playTraffic(bench: Bench): void {
  const forwarded = [
    tcpPacket("203.0.113.7:4001", `${VIP}:80`, "S"),
    tcpPacket("10.0.0.11:8080", "203.0.113.7:4001", "SA"),
    tcpPacket("203.0.113.7:4001", `${VIP}:80`, "A"),
    tcpPacket("203.0.113.7:4002", `${VIP}:80`, "S"),
    tcpPacket("203.0.113.7:4002", `${VIP}:80`, "A"),
    tcpPacket("203.0.113.7:4002", `${VIP}:80`, "R"),
    udpPacket("203.0.113.8:5000", `${VIP}:53`),
    udpPacket("203.0.113.8:5001", `${VIP}:53`),
    udpPacket("203.0.113.8:5000", `${VIP}:53`),
    tcpPacket("203.0.113.8:6000", `${VIP}:25`, "S"),
  ];
  const passed = [
    tcpPacket("203.0.113.7:4003", `${VIP}:81`, "S"),
    tcpPacket("203.0.113.7:4003", `${VIP}:81`, "A"),
    tcpPacket("203.0.113.7:4004", `${VIP}:80`, "A"),
  ];
  expect(forwarded.map((packet) => bench.send(packet))).toEqual(forwarded.map(() => XDP_TX));
  expect(passed.map((packet) => bench.send(packet))).toEqual(passed.map(() => XDP_PASS));
}

type FlowValue = JsOf<typeof FlowKey>;
type ConnectionValue = JsOf<typeof Connection>;

/** dr connections over UDP to the service "dns", written straight into the table and counted. */
function fillTable(
  { dataplane: { maps, live } }: Bench,
  count: number,
  expiryOf: (at: number) => number,
  state: number = states.UDP,
): void {
  const [destination] = live.services()[1]?.members ?? [];
  if (destination === undefined) throw new Error("the service has no destination");
  const { port, forwarding } = destination.definition;
  const address = addressWords(destination.definition.address);
  const entries = Array.from({ length: count }, (_, at): [FlowValue, ConnectionValue] => [
    { source: [0xcb00_7100 + at], destination: addressWords(VIP), sourcePort: 5000, destinationPort: 53, protocol: 17 },
    {
      ...Connection.decode(new Uint8Array(Connection.size)),
      life: (BigInt(state) << 32n) | BigInt(expiryOf(at)),
      ...{ destination: destination.index, address, port, method: methods[forwarding].code },
    },
  ]);
  maps.ipv4.connections.updateBatch(entries);
  const load = Load.decode(new Uint8Array(Load.size));
  maps.loads.update(destination.index, { ...load, connections: BigInt(count) << (state === states.UDP ? 0n : 32n) });
}

/** The contract. */
export function describeDataplane({ create, manyEntries }: ContractHost): void {
  describe("createDataplane", () => {
    it("fills the maps from the plan", () => {
      const host = remembering(create());
      using bench = benchOf(host);
      bench.setTime(0);
      const { paths, ipv4, settings } = bench.dataplane.maps;
      expect(settings.lookup(0)?.transitions).toEqual([...transitionBytes()]);
      const table = host.inner
        .get("service_tables")
        ?.get(2)
        ?.map(([, destination]) => destination);
      const members = bench.dataplane.live.services()[2]?.members.map(listedMember) ?? [];
      expect(table).toEqual([...sourceHashTable(members)]);
      for (let index = 0; index < paths.spec.maxEntries; index += 1) paths.update(index, nothing(paths));
      for (const client of clients) ipv4.clientHops.update(clientSlot(client), nothing(ipv4.clientHops));
      expect(`\n${dumpMaps(bench.dataplane, host)}\n`).toMatchInlineSnapshot(`
        "
        addresses4 (lpm_trie, 131072)
          prefixLength=32 data=address=198.51.100.10: services=4
        addresses6 (lpm_trie, 1)
        client_hops4 (percpu_array, 1024)
        client_hops6 (percpu_array, 1024)
        connections4 (hash, 1000)
        connections6 (hash, 1)
        cross_search4 (percpu_array, 1)
        cross_search6 (percpu_array, 1)
        crossed_ends (hash, 1)
        destinations (array, 256)
          0: address=10.0.0.11 port=8080 method=1 flags=1 weight=1
          1: address=10.0.0.12 port=80 method=1 flags=1 weight=1
          2: address=10.0.0.11 port=53 method=3 service=1 weight=2
          3: address=10.0.0.12 port=53 method=3 service=1 weight=4
          4: address=10.0.0.13 port=53 method=3 service=1
          5: address=10.0.0.11 port=11211 method=3 service=2 weight=1
          6: address=10.0.0.12 port=11211 method=3 service=2 weight=2
          7: address=10.0.0.14 port=25 method=1 flags=1 service=3 weight=65535
        errands4 (percpu_array, 1)
        errands6 (percpu_array, 1)
        fragments4 (lru_hash, 8192)
        fragments6 (lru_hash, 1)
        identities (array, 64)
          0: text="tcp 198.51.100.10:80" family=4
          1: text="udp 198.51.100.10:53" family=4 scheduler=1
          2: text="tcp 198.51.100.10:11211" family=4 scheduler=2
          3: text="tcp 198.51.100.10:25" family=4 scheduler=3
        loads (array, 256)
        local_addresses (array, 1)
        local_flows4 (hash, 1)
        local_flows6 (hash, 1)
        local_names (hash, 1)
        localities (hash, 1)
        locality_sets (hash, 1)
        opened4 (percpu_array, 1)
        opened6 (percpu_array, 1)
        option_text (percpu_array, 1)
        paths (percpu_array, 256)
        port_classes (array, 1)
        port_search4 (percpu_array, 1)
        port_search6 (percpu_array, 1)
        prefixes4 (lpm_trie, 1)
        prefixes6 (lpm_trie, 1)
        probe_back (array, 1)
        probe_flows4 (lru_hash, 1)
        probe_flows6 (lru_hash, 1)
        probe_hops (percpu_array, 1)
        probes4 (hash, 1)
        probes6 (hash, 1)
        real_services4 (hash, 512)
          address=10.0.0.11 port=8080 protocol=6: -
          address=10.0.0.12 port=80 protocol=6: destination=1
          address=10.0.0.14 port=25 protocol=6: destination=7
        real_services6 (hash, 1)
        reaper_work (array, 1)
        reply_rules4 (hash, 256)
          address=10.0.0.11 port=8080 protocol=6: address=198.51.100.10 port=80
          address=10.0.0.12 port=80 protocol=6: address=198.51.100.10 port=80
          address=10.0.0.14 port=25 protocol=6: address=198.51.100.10 port=25
        reply_rules6 (hash, 1)
        service_index4 (hash, 64)
          address=198.51.100.10 port=11211 protocol=6: service=2
          address=198.51.100.10 port=25 protocol=6: service=3
          address=198.51.100.10 port=53 protocol=17: service=1
          address=198.51.100.10 port=80 protocol=6: -
        service_index6 (hash, 1)
        service_loads (array, 64)
        service_records (array, 129)
          1: memberCount=2
            listedCount=2
            weightDivisor=1
            highestLevel=1
            members=[weight=1, destination=1 weight=1, - × 14]
          2: position=12884901888
            scheduler=1
            memberCount=3
            listedCount=3
            weightDivisor=2
            highestLevel=3
            members=[destination=2 weight=2, destination=3 weight=4, destination=4, - × 13]
          3: scheduler=2
            memberCount=2
            listedCount=2
            weightDivisor=1
            highestLevel=2
            tableLength=256
            members=[destination=5 weight=1, destination=6 weight=2, - × 14]
          4: scheduler=3
            memberCount=1
            listedCount=1
            weightDivisor=65535
            highestLevel=1
            members=[destination=7 weight=65535, - × 15]
        service_tables (array_of_maps, 64)
          2: [256 values]
        services (array, 64)
          0: record=1
          1: record=2
          2: record=3
          3: record=4
        settings (array, 1)
          0: ticksPerSecond=250
            reuseMode=1
            pingVip=1
            pathMtuDiscovery=1
            answersPerSecond=1000
            localitySetTicks=21600000
            renewalTicks=250
            localPortFirst=1024
            localPortCount=36280
            localGapFirst=32768
            localGapCount=28232
            timeouts=[500, 225000, 30000, 15000, 30000 × 2, 2500, 15000, 7500, 30000 × 2, 75000, - × 4]
            transitions=[2048 values]
        tallies (array, 1)
        templates4 (hash, 1)
        templates6 (hash, 1)
        verdicts (percpu_array, 51)
        vlan_devices (hash, 4096)
        "
      `);
    });

    it("starts from nothing: no connection, no packet, no load", () => {
      using bench = benchOf(create());
      expect(readVerdicts(bench.dataplane)).toEqual([]);
      expect(readConnections(bench.dataplane, bench.now(), 10)).toEqual([]);
      expect(
        readServices(bench.dataplane).map(({ connections, packetsIn, bytesIn }) => [connections, packetsIn, bytesIn]),
      ).toEqual(fourServices.map(() => [0, 0, 0]));
      expect(bench.reap()).toEqual({ entries: 0, ended: 0 });
    });

    it("leaves nothing open where a map cannot be made", () => {
      const host = create();
      const made: string[] = [];
      const closed: string[] = [];
      const failing: HostOf<BpfProgram> = {
        ...host,
        createMap: (spec) => {
          if (spec.name === "verdicts") throw new Error("no such luck");
          const map = host.createMap(spec);
          made.push(spec.name);
          const close = map[Symbol.dispose].bind(map);
          map[Symbol.dispose] = () => {
            closed.push(spec.name);
            close();
          };
          return map;
        },
      };
      expect(() => benchOf(failing)).toThrow("no such luck");
      expect(closed.toSorted()).toEqual(made.toSorted());
      expect(made).toContain("connections4");
    });
  });

  describe("what is read back", () => {
    it("services, connections and verdicts after traffic", () => {
      using bench = benchOf(create());
      playTraffic(bench);
      const services = readServices(bench.dataplane).map(({ name, servers, ...counters }) => [
        `${name}: ${countersText(counters)}`,
        ...servers.map((server) => `  ${server.address}:${server.port} ${server.forwarding}: ${countersText(server)}`),
      ]);
      expect(`\n${services.flat().join("\n")}\n`).toMatchInlineSnapshot(`
        "
        web: 1 1 2 5 200 1 40
          10.0.0.11:8080 nat: 1 0 1 2 80 1 40
          10.0.0.12:80 nat: 0 1 1 3 120 0 0
        dns: 0 2 2 3 108 - -
          10.0.0.11:53 dr: 0 1 1 1 36 - -
          10.0.0.12:53 dr: 0 1 1 2 72 - -
          10.0.0.13:53 dr: 0 0 0 0 0 - -
        cache: 0 0 0 0 0 - -
          10.0.0.11:11211 dr: 0 0 0 0 0 - -
          10.0.0.12:11211 dr: 0 0 0 0 0 - -
        mail: 1 0 1 1 40 0 0
          10.0.0.14:25 nat: 1 0 1 1 40 0 0
        "
      `);
      const rows = readConnections(bench.dataplane, bench.now(), 100);
      const lines = rows.map((row) => Object.values(row).join(" ")).toSorted();
      expect(`\n${lines.join("\n")}\n`).toMatchInlineSnapshot(`
        "
        connection tcp CLOSE 10000 203.0.113.7:4002 198.51.100.10:80 10.0.0.12:80 web
        connection tcp ESTABLISHED 900000 203.0.113.7:4001 198.51.100.10:80 10.0.0.11:8080 web
        connection tcp SYN_RECV 60000 203.0.113.8:6000 198.51.100.10:25 10.0.0.14:25 mail
        connection udp UDP 300000 203.0.113.8:5000 198.51.100.10:53 10.0.0.12:53 dns
        connection udp UDP 300000 203.0.113.8:5001 198.51.100.10:53 10.0.0.11:53 dns
        "
      `);
      expect(readVerdicts(bench.dataplane)).toMatchInlineSnapshot(`
        [
          {
            "packets": 2,
            "reason": "noService",
            "verdict": "pass",
          },
          {
            "packets": 1,
            "reason": "notOpening",
            "verdict": "pass",
          },
        ]
      `);
    });

    it("no more connections than asked for, and none whose time is up", () => {
      using bench = benchOf(create());
      playTraffic(bench);
      expect(readConnections(bench.dataplane, bench.now(), 3)).toHaveLength(3);
      expect(readConnections(bench.dataplane, bench.now(), 0)).toEqual([]);
      // CLOSE lives 10 s, SYN_RECV a minute, UDP 5, ESTABLISHED 15.
      const statesAt = (seconds: number) =>
        readConnections(bench.dataplane, bench.now() + seconds * TICKS_PER_SECOND, 100)
          .map(({ state }) => state)
          .toSorted();
      expect(statesAt(9)).toEqual(["CLOSE", "ESTABLISHED", "SYN_RECV", "UDP", "UDP"]);
      expect(statesAt(10)).toEqual(["ESTABLISHED", "SYN_RECV", "UDP", "UDP"]);
      expect(statesAt(60)).toEqual(["ESTABLISHED", "UDP", "UDP"]);
      expect(statesAt(300)).toEqual(["ESTABLISHED"]);
      expect(statesAt(900)).toEqual([]);
    });

    it("what every CPU counted, together", () => {
      using bench = benchOf(create());
      const { paths, verdicts } = bench.dataplane.maps;
      const cpus = (paths.lookupPerCpu(0) ?? []).map((path, cpu) => ({
        ...path,
        packetsIn: 10n,
        bytesIn: BigInt(cpu),
      }));
      paths.updatePerCpu(0, cpus);
      verdicts.updatePerCpu(
        reasons.noService.code,
        cpus.map(() => ({ packets: 1n })),
      );
      const { packetsIn, bytesIn } = readServices(bench.dataplane)[0]?.servers[0] ?? {};
      expect([packetsIn, bytesIn]).toEqual([cpus.length * 10, (cpus.length * (cpus.length - 1)) / 2]);
      expect(readVerdicts(bench.dataplane)).toEqual([{ verdict: "pass", reason: "noService", packets: cpus.length }]);
    });
  });

  describe("the reaper", () => {
    it("ends each connection when its time is up, and the counts go back to zero", () => {
      using bench = benchOf(create());
      playTraffic(bench);
      const start = bench.now();
      const after = (seconds: number) => {
        bench.setTime(start + seconds * TICKS_PER_SECOND);
        return bench.reapAll();
      };
      expect([0, 9, 10, 60, 300].map(after)).toEqual([0, 0, 1, 1, 2]);
      expect(bench.counts().filter(([active, inactive]) => active !== 0 || inactive !== 0)).toEqual([[1, 0]]);
      expect([900, 900].map(after)).toEqual([1, 0]);
      expect(bench.counts()).toEqual(bench.counts().map(() => [0, 0]));
      expect(bench.entries()).toBe(0);
    });

    it("does so across the wrap-around of the clock", () => {
      using bench = benchOf(create());
      bench.setTime(0xffff_ffff - 5 * TICKS_PER_SECOND);
      playTraffic(bench);
      bench.setTime(bench.now() + 9 * TICKS_PER_SECOND);
      expect(bench.reapAll()).toBe(0);
      bench.setTime(bench.now() + 1 * TICKS_PER_SECOND);
      expect(bench.reapAll()).toBe(1);
    });

    it(`can be interrupted often enough in a table of ${manyEntries} entries`, () => {
      using bench = benchOf(create(), manyEntries);
      const deadUntil = manyEntries - 1000;
      fillTable(bench, manyEntries, (at) => bench.now() + (at < deadUntil ? 0 : 1));
      const { reaper } = bench.dataplane;
      let runs = 0;
      const run = reaper.run.bind(reaper);
      reaper.run = (input) => {
        runs += 1;
        return run(input);
      };
      const runsBetweenPauses: number[] = [];
      const walk = reap(bench.dataplane, bench.now);
      let step = walk.next();
      for (; step.done !== true; step = walk.next()) {
        runsBetweenPauses.push(runs);
        runs = 0;
      }
      expect(step.value).toEqual({ entries: manyEntries, ended: deadUntil });
      expect(runsBetweenPauses.length).toBeGreaterThanOrEqual(manyEntries / 4096);
      // What one batch read can fill, and what the batch before left over.
      expect(Math.max(...runsBetweenPauses)).toBeLessThanOrEqual(Math.ceil(4096 / REAPER_BATCH) + 1);
      expect(bench.counts()[2]).toEqual([0, 1000]);
      bench.setTime(bench.now() + 1);
      expect(bench.reap()).toEqual({ entries: 1000, ended: 1000 });
      expect(bench.counts()[2]).toEqual([0, 0]);
    });

    it(`reads of ${manyEntries} entries those that may be due`, () => {
      using bench = benchOf(create(), manyEntries);
      const { maps, live, ticksPerSecond } = bench.dataplane;
      const reaping = new Reaping(bench.dataplane, 64);
      const round = () => {
        const walk = reaping.round(bench.now);
        for (;;) {
          const step = walk.next();
          if (step.done === true) return step.value;
        }
      };
      const after = (seconds: number) => {
        bench.setTime(bench.now() + seconds * ticksPerSecond);
        return round();
      };
      // Nobody else counts: all of them active, with a quarter of an hour, and one that ends in five seconds.
      const ends = (at: number) => bench.now() + (at === 7 ? 5 : 900) * ticksPerSecond;
      fillTable(bench, manyEntries, ends, states.ESTABLISHED);
      expect(round()).toEqual({ entries: manyEntries, ended: 0 });
      expect(reaping.held).toEqual({ entries: manyEntries, connections: manyEntries });
      expect([after(1), after(3)]).toEqual([0, 0].map((ended) => ({ entries: 0, ended })));
      const few = after(1);
      expect(few.ended).toBe(1);
      expect(few.entries).toBeLessThan(200);
      // Active ones have a minute at least; where inactive ones are counted they may be down to ten seconds.
      expect(after(20)).toEqual({ entries: 0, ended: 0 });
      const [owner] = live.services()[0]?.members ?? [];
      const load = owner && maps.loads.lookup(owner.index);
      if (owner === undefined || load === undefined) throw new Error("there is no first server");
      maps.loads.update(owner.index, { ...load, connections: load.connections + 1n });
      expect(after(1).entries).toBeGreaterThan(manyEntries - 200);
      maps.loads.update(owner.index, load);
      // Other settings may give less time.
      live.setSettings({ ...live.settings });
      expect(after(1)).toEqual({ entries: manyEntries - 1, ended: 0 });
      expect(after(900)).toEqual({ entries: manyEntries - 1, ended: manyEntries - 1 });
      expect(reaping.held).toEqual({ entries: 0, connections: 0 });
      expect(bench.entries()).toBe(0);
    });

    it("goes on until it is told to stop, and then stops", async () => {
      using bench = benchOf(create());
      playTraffic(bench);
      bench.setTime(bench.now() + 900 * TICKS_PER_SECOND);
      const stop = new AbortController();
      const entries = bench.entries();
      const rounds: ReaperRound[] = [];
      const lines: string[] = [];
      const report = (line: string) => void lines.push(line);
      await keepReaping(
        () => bench.dataplane,
        bench.now,
        { signal: stop.signal, report },
        ({ entries, ended }) => {
          rounds.push({ entries, ended });
          if (rounds.length === 2) stop.abort();
        },
      );
      expect(rounds).toEqual([
        { entries, ended: 5 },
        { entries: 0, ended: 0 },
      ]);
      await keepReaping(
        () => bench.dataplane,
        bench.now,
        { signal: stop.signal, report },
        (round) => rounds.push(round),
      );
      expect(rounds).toHaveLength(2);
      expect(lines).toEqual([]);
    });
  });
}

/** The value of a map's type that is all zeros. */
function nothing<V>(map: {
  readonly spec: { readonly value: { readonly size: number; decode(bytes: Uint8Array): V } };
}): V {
  return map.spec.value.decode(new Uint8Array(map.spec.value.size));
}

function countersText(counters: TrafficCounters): string {
  const names = [
    ...(["activeConnections", "inactiveConnections", "connections"] as const),
    ...(["packetsIn", "bytesIn", "packetsOut", "bytesOut"] as const),
  ];
  return names.map((name) => counters[name] ?? "-").join(" ");
}
