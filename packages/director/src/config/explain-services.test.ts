// Every fault of a service's settings and of its servers: its place, code, exact text and hint.
import { describe, expect, it } from "vitest";
import { briefly, explained, service } from "../../test/faults.ts";

describe("each fault of a service", () => {
  const cases: Readonly<Record<string, string>> = {
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
    "lower threshold above the upper": service("", "[{ address: 10.0.0.11, upperThreshold: 10, lowerThreshold: 11 }]"),
    "lower threshold alone": service("", "[{ address: 10.0.0.11, lowerThreshold: 11 }]"),
    "negative threshold": service("", "[{ address: 10.0.0.11, upperThreshold: -1 }]"),
    "negative weight": service("", "[{ address: 10.0.0.11, weight: -1 }]"),
    "weight that is too large": service("", "[{ address: 10.0.0.11, weight: 65536 }]"),
    "duplicate server": service("", "[{ address: 10.0.0.11 }, { address: 10.0.0.11, port: 80 }]"),
    "server that is the service": service("", "[{ address: 198.51.100.10 }]"),
  };
  it.each(Object.entries(cases))("%s", (_, text) => {
    expect(briefly(text)).not.toEqual([]);
  });
  it("has its text", () => {
    expect(explained(cases)).toMatchInlineSnapshot(`
      "
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
        = write 5s for seconds; timeout of persistent clients: a number with its unit, such as 90s, 15m, 1h
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
      "
    `);
  });
});
