// What a director that cannot start says, each time with nothing attached: one text for people that names what is in
// the way and what to do.
import { compile, verdict, xdp, u32 } from "@yardmaster/ebpf";
import { attachXdp, createKernelHost, type XdpAttachMode } from "@yardmaster/ebpf/kernel";
import { findLink } from "@yardmaster/linux";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { configOf, DirectorHost, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

const XDP_PASS = 2;

describe.skipIf(needsRoot)("a director that cannot start as it is told", () => {
  let host: DirectorHost;
  beforeAll(() => {
    host = new DirectorHost();
    // Of no kind that holds this machine's own packets, and without native XDP.
    host.ip("director", "link add vxlan type vxlan id 7 dstport 4789");
    host.ip("director", "link set vxlan up");
    host.ip("director", "address add 10.1.0.1/24 dev vxlan");
  });
  afterAll(() => host[Symbol.dispose]());
  afterEach(async () => expect(await host.left()).toEqual([]));

  /** Another program on an interface, as long as it is not disposed. */
  function guard(interfaceName: string, mode: XdpAttachMode): Disposable & { readonly id: number } {
    return host.enter(() => {
      using cleanup = new DisposableStack();
      const program = cleanup.use(
        createKernelHost().loadProgram(compile(xdp("guard", () => verdict(u32(XDP_PASS)))), new Map()),
      );
      const interfaceIndex = findLink(interfaceName)?.index ?? 0;
      cleanup.use(attachXdp({ program, interfaceIndex, mode }));
      const owned = cleanup.move();
      return { id: program.id, [Symbol.dispose]: () => owned.dispose() };
    });
  }

  describe("another XDP program is there", () => {
    test.each([
      ["generic", "auto", "vxlan"],
      ["generic", "xdp", "back"],
      ["native", "xdp-generic", "back"],
      ["native", "xdp", "back"],
    ] as const)("%s, hook %s on %s: it is named and left alone", async (mode, hook, where) => {
      using other = guard(where, mode);
      const { status, stdout, stderr } = await host.fail(configOf([`interfaces: [front, ${where}]`, `hook: ${hook}`]));
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
      expect(stderr).toContain(`program "guard" (id ${other.id}, ${mode} XDP) is there already`);
      expect(stderr).toMatch(/^yardmaster: attaching program "yardmaster" to interface "\w+" .*takes it off/m);
      expect(stderr).not.toMatch(/^\s+at /m);
      // The front was free: it was attached to, and let go of.
      expect(host.attached()).toEqual([`${where} ${mode}`]);
    });

    test.each(["generic", "native"] as const)("%s, on a veth: auto takes tc, and it stays, too", async (mode) => {
      using _other = guard("back", mode);
      const director = await host.start(configOf());
      expect(host.attached()).toEqual(["front tc", `back ${mode}`, "back tc"]);
      expect((await director.stop("SIGTERM")).status).toBe(0);
    });

    test.each([
      ["xdp-generic", "generic", "generic XDP"],
      ["tc", "tc", "tc"],
    ])("another director, hook %s: the second refuses, the first goes on", async (hook, mode, text) => {
      const config = configOf(["interfaces: [front, back]", `hook: ${hook}`]);
      const first = await host.start(config);
      const second = await host.fail(config);
      expect(second.status).toBe(1);
      expect(second.stderr).toMatch(
        new RegExp(`interface "front" .*: program "yardmaster" \\(id \\d+, ${text}\\) is there already`),
      );
      expect(host.attached()).toEqual([`front ${mode}`, `back ${mode}`]);
      expect((await host.yardmaster(["status", "--socket", first.socketPath])).status).toBe(0);
      expect((await first.stop("SIGTERM")).status).toBe(0);
    });

    test("another director's socket: the second refuses and lets go of what it attached to", async () => {
      const first = await host.start(configOf(["interfaces: [front]"]), "shared.sock");
      const file = host.write(configOf(["interfaces: [back]"]));
      const second = await host.yardmaster(["run", "-f", file, "--socket", first.socketPath]);
      expect(second.status).toBe(1);
      expect(second.stderr).toMatch(
        new RegExp(`^yardmaster: a director with pid ${first.pid} answers at .*shared.sock`, "m"),
      );
      expect(host.attached()).toEqual(["front tc"]);
      expect((await first.stop("SIGTERM")).status).toBe(0);
    });
  });

  describe("hooks", () => {
    test("xdp where the driver has no native XDP: refused, with the way out", async () => {
      const { status, stderr } = await host.fail(configOf(["interfaces: [vxlan]", "hook: xdp"]));
      expect(status).toBe(1);
      expect(stderr).toMatch(/interface "vxlan" \(native XDP\): the driver has no native XDP: .*; use generic XDP/);
    });

    test("auto there: generic, and tc on a veth, and it says so", async () => {
      const director = await host.start(configOf(["interfaces: [vxlan, front]"]));
      expect(host.attached().toSorted()).toEqual(["vxlan generic", "front tc"].toSorted());
      expect(director.said()).toMatch(/^vxlan: .*the driver has no native XDP/m);
      expect(director.said()).toMatch(/^vxlan: attached, generic XDP$/m);
      expect(director.said()).toMatch(/^front: a veth, so tc: /m);
      expect(director.said()).toMatch(/^front: attached, tc$/m);
      expect((await director.stop("SIGTERM")).status).toBe(0);
    });

    test.each([
      ["xdp", "native"],
      ["xdp-generic", "generic"],
      ["tc", "tc"],
    ])("%s is taken at its word", async (hook, mode) => {
      const director = await host.start(configOf(["interfaces: [front]", `hook: ${hook}`]));
      expect(host.attached()).toEqual([`front ${mode}`]);
      expect(director.said()).toMatch(new RegExp(`^front: attached, ${mode}( XDP)?$`, "m"));
      expect((await director.stop("SIGTERM")).status).toBe(0);
    });
  });

  describe("the machine is not ready", () => {
    test("IP forwarding is off: it says where, what was seen and what to do", async () => {
      host.setForwarding("0");
      const { status, stdout, stderr } = await host.fail(configOf());
      host.setForwarding("1");
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      const [first, , , ...others] = stderr.trimEnd().split("\n");
      expect(first).toMatch(/^\S+\.yaml:\d+:\d+: error: IPv4 forwarding is off on front, back$/);
      expect(others.map((line) => line.trim())).toEqual([
        "= seen: sysctl net.ipv4.conf.front.forwarding: 0, sysctl net.ipv4.conf.back.forwarding: 0",
        "= a director forwards packets: sysctl -w net.ipv4.ip_forward=1",
      ]);
    });

    test("a dr server behind a router is refused, a nat server there warned of, with evidence", async () => {
      host.ip("director", "route add 10.9.0.0/16 via 10.0.0.11");
      const web = (method: string, port: number) =>
        `  ${method}: { address: ${vip}, port: ${port}, forwarding: ${method}, servers: [{ address: 10.9.0.1 }] }\n`;
      const { status, stderr } = await host.fail(`services:\n${web("nat", 81)}${web("dr", 80)}`);
      host.ip("director", "route del 10.9.0.0/16");
      expect(status).toBe(2);
      expect(stderr).toMatch(/^\S+:2:\d+: warning: nat server 10.9.0.1 is behind the router 10.0.0.11/m);
      expect(stderr).toMatch(/^\S+:3:\d+: error: dr server 10.9.0.1 is behind the router 10.0.0.11 \(back\)/m);
      expect(stderr).toMatch(/= seen: ip route get 10.9.0.1: via 10.0.0.11 dev back$/m);
      expect(stderr).toMatch(/= on that router: ip route replace default via 10.0.0.1; /m);
      expect(stderr).toMatch(/= if it is on that link: ip route replace 10.9.0.1 dev back; /m);
    });

    test("full NAT has no address of its own, or one that nobody answers for", async () => {
      const servers = "servers: [{ address: 10.0.0.11 }]";
      const web = (local: string) =>
        `services: { web: { address: ${vip}, port: 80, forwarding: fullnat, ${local}${servers} } }\n`;
      const without = await host.fail(web(""));
      expect(without.status).toBe(2);
      expect(without.stderr).toMatch(/error: fullnat has no IPv4 address to send to server 10.0.0.11 from$/m);
      const foreign = await host.fail(web("localAddresses: [10.0.0.5], "));
      expect(foreign.status).toBe(2);
      expect(foreign.stderr).toMatch(
        /error: answers to 10.0.0.5, no address of this machine, do not come here: nobody answers ARP for it$/m,
      );
      expect(foreign.stderr).toMatch(/= seen: ip route get 10.0.0.5: dev back$/m);
      expect(foreign.stderr).toMatch(/= ip address add 10.0.0.5\/32 dev back$/m);
    });

    test("a tunnel has no room: refused, and warned of where clients may not learn of it", async () => {
      const tun = `{ address: ${vip}, port: 80, forwarding: tun, servers: [{ address: 10.0.0.11 }] }`;
      host.ip("director", "link set back mtu 590");
      const { status, stderr } = await host.fail(`services: { web: ${tun} }\n`);
      host.ip("director", "link set back mtu 1500");
      expect(status).toBe(2);
      expect(stderr).toMatch(/error: tun server 10.0.0.11 gets packets of 570 bytes at most; .* room for 576$/m);
      expect(stderr).toMatch(/= seen: ip route get 10.0.0.11: dev back mtu 590; ipip adds 20 bytes to each packet$/m);
      expect(stderr).toMatch(/= ip link set dev back mtu 1520$/m);
      const file = host.write(`services: { web: ${tun} }\n`);
      const checked = await host.yardmaster(["check", "-f", file]);
      expect(checked).toMatchObject({ status: 0 });
      expect(checked.stderr).toMatch(/warning: only packets of up to 1480 bytes fit the tunnel to 10.0.0.11/);
    });

    test.each([
      ["no rights at all", "-all", "CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN"],
      ["no CAP_BPF", "-bpf,-sys_admin", "CAP_BPF"],
      ["no CAP_NET_ADMIN", "-net_admin", "CAP_NET_ADMIN"],
    ])("%s: one sentence names what is missing", async (_, dropped, missing) => {
      const drop = ["setpriv", `--bounding-set=${dropped}`, `--inh-caps=${dropped}`];
      const { status, stdout, stderr } = await host.fail(configOf(), drop);
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
      expect(stderr).toBe(
        `yardmaster: this process lacks ${missing}: run it as root, or grant them (setcap, AmbientCapabilities)\n`,
      );
    });

    test("not root: the same sentence", async () => {
      const drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
      const { status, stderr } = await host.fail(configOf(), drop);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN|no permission/);
      expect(stderr.trim().split("\n")).toHaveLength(1);
    });

    test("an interface that does not exist: where it is written, and what was perhaps meant", async () => {
      const { status, stderr } = await host.fail(configOf(["interfaces: [frnt]"]));
      expect(status).toBe(2);
      expect(stderr).toMatch(/^\S+\.yaml:2:16: error: no interface is named "frnt"$/m);
      expect(stderr).toMatch(/did you mean "front"\? this machine has lo, .*front/);
    });
  });

  test("several faults: all of them with line and column, status 2", async () => {
    const { status, stdout, stderr } = await host.fail(`director:
  interfaces: [front, eth9]
  hook: xpd
services:
  web:
    address: ${vip}
    port: 70000
    forwarding: nat
    scheduler: fastest
    servers: [{ address: 10.0.0.11, weight: -1 }, { address: nowhere }]
  same:
    address: ${vip}
    port: 81
    forwarding: dr
    servers: [{ address: 10.0.0.11, port: 8080 }, { address: 192.0.2.1 }]
  again:
    address: ${vip}
    port: 81
    forwarding: nat
    servers: []
`);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    const places = [...stderr.matchAll(/^\S+\.yaml:(\d+:\d+): error: (.*)$/gm)].map(([, at, text]) => `${at} ${text}`);
    expect(places).toMatchInlineSnapshot(`
      [
        "2:23 no interface is named "eth9"",
        "3:9 unknown hook "xpd"",
        "7:11 port 70000 is outside 1–65535",
        "9:16 unknown scheduler "fastest"",
        "10:45 weight -1 is outside 0–65535",
        "10:62 "nowhere" is no address",
        "15:43 dr cannot map port 81 to 8080: it changes nothing but the MAC address",
        "15:62 server 192.0.2.1 is outside any route of this machine",
        "16:3 service "again" claims tcp 198.51.100.10 port 81, which service "same" on line 11 has",
      ]
    `);
  });
});
