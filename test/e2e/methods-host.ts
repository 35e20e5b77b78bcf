// The hosts for tests of every forwarding method in both families: a client, a director and one server that is ready
// for all of them, with a cable of its own for answers that go straight to the client.
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { setOffloads, withNetworkNamespace } from "@yardmaster/linux";
import { DirectorHost, vip } from "./director-host.ts";

const command = resolve(import.meta.dirname, "../../packages/cli/bin/yardmaster.js");
export const vip6 = "2001:db8:5::10";

/** Ports of the services and, above, those of the servers where the method can map them. */
export const methods = [
  { name: "nat", forwarding: "nat", port: 80, serverPort: 8080, isDirect: false },
  { name: "dr", forwarding: "dr", port: 8081, serverPort: 8081, isDirect: true },
  { name: "ipip", forwarding: "tun", port: 8082, serverPort: 8082, isDirect: true },
  { name: "gue", forwarding: "tun, encapsulation: gue", port: 8083, serverPort: 8083, isDirect: true },
  { name: "gre", forwarding: "tun, encapsulation: gre", port: 8084, serverPort: 8084, isDirect: true },
  { name: "fullnat", forwarding: "fullnat", port: 85, serverPort: 8085, isDirect: false },
] as const;
const directPorts = methods.filter(({ isDirect }) => isDirect).map(({ port }) => port);
export const families = {
  ipv4: { address: vip, server: "10.0.0.11", local: "10.0.0.5", client: "198.51.100.2", directClient: "198.51.100.3" },
  ipv6: {
    address: vip6,
    server: "fd00::11",
    local: "fd00::5",
    client: "2001:db8:5::2",
    directClient: "2001:db8:5::3",
  },
} as const;

const addresses = [
  ["client", "198.51.100.3/24 dev eth0"],
  ["client", "2001:db8:5::2/64 dev eth0 nodad"],
  ["client", "2001:db8:5::3/64 dev eth0 nodad"],
  ["client", "10.8.0.1/24 dev side"],
  ["client", "fd00:8::1/64 dev side nodad"],
  ["director", "2001:db8:5::1/64 dev front nodad"],
  ["director", `${vip6}/128 dev front nodad`],
  ["director", "10.0.0.5/32 dev back"],
  ["director", "fd00::1/64 dev back nodad"],
  // Deprecated: for full NAT alone, and no source of tunnels.
  ["director", "fd00::5/128 dev back nodad preferred_lft 0"],
  ["server", "fd00::11/64 dev eth0 nodad"],
  ["server", "10.8.0.2/24 dev side"],
  ["server", "fd00:8::2/64 dev side nodad"],
] as const;

/** A configuration with a service of each method in both families; `rest`: what else each service says. */
export function configurationOf(hook: string, rest = ""): string {
  const services = (["ipv4", "ipv6"] as const).flatMap((family) =>
    methods.map(({ name, forwarding, port, serverPort }) => {
      const { address, server } = families[family];
      const servers = `${rest}servers: [{ address: "${server}", port: ${serverPort} }]`;
      return `  ${name}-${family}: { address: "${address}", port: ${port}, forwarding: ${forwarding}, ${servers} }`;
    }),
  );
  const director = `interfaces: [front, back], hook: ${hook}, localAddresses: ["10.0.0.5", "fd00::5"]`;
  return [`director: { ${director} }`, "services:", ...services, ""].join("\n");
}

export class MethodsHost implements Disposable {
  readonly host = new DirectorHost();

  async prepare(): Promise<void> {
    const { host } = this;
    const settings = ["net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"];
    for (const name of ["client", "server"]) await host.run(name, ["sysctl", "-qw", ...settings]);
    await host.run("client", ["sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=0"]);
    await host.run("director", ["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]);
    // Answers of dr and tun go straight to the client, on a cable of their own.
    host.ip("server", `link add side type veth peer name side netns ${host.namespace("client")}`);
    for (const name of ["client", "server"]) host.ip(name, "link set side up");
    host.ip("server", "link set lo up");
    for (const [name, words] of addresses) host.ip(name, `address add ${words}`);
    host.ip("server", "route add 198.51.100.3/32 via 10.8.0.1");
    host.ip("server", "-6 route add 2001:db8:5::3/128 via fd00:8::1");
    host.ip("server", "-6 route add default via fd00::1");
    this.up();
  }

  /** Has the server take packets for the services' addresses, in tunnels and without. */
  up(): void {
    const services = directPorts.flatMap((port) => ["--service", `${vip}:${port}`, "--service", `[${vip6}]:${port}`]);
    this.#realServer(["up", "--method", "tun", ...services, "--director", "10.0.0.1", "--director", "fd00::1"]);
  }

  /** Has it no longer. */
  down(): void {
    this.#realServer(["down"]);
  }

  /** Starts a program on the server; waits until it says something. */
  async serve(program: string): Promise<void> {
    const child = this.host.spawn("server", [process.execPath, "-e", program]);
    await new Promise((listening) => child.stdout?.once("data", listening));
  }

  setOffloads(isOn: boolean): void {
    for (const [name, links] of [
      ["client", ["eth0", "side"]],
      ["director", ["front", "back"]],
      ["server", ["eth0", "side"]],
    ] as const) {
      withNetworkNamespace(this.host.namespace(name), () => {
        for (const link of links) {
          // Towards a server with an unwrapper at native XDP a veth has no TSO to turn on.
          const tso = link === "back" ? {} : { tso: isOn };
          setOffloads(link, { ...tso, gso: isOn, txChecksum: isOn, gro: true });
        }
      });
    }
  }

  #realServer(args: readonly string[]): string {
    const state = ["--state-directory", `${this.host.folder}/realserver`];
    const inside = [`--net=/run/netns/${this.host.namespace("server")}`, process.execPath, command, "realserver"];
    return execFileSync("nsenter", [...inside, ...args, ...state], { encoding: "utf8", stdio: "pipe" });
  }

  [Symbol.dispose](): void {
    this.down();
    this.host[Symbol.dispose]();
  }
}
