// The client's address through a whole path, in both families: a client, the director's full NAT in the kernel, and a
// server on which `yardmaster realserver up` gives it back to unchanged programs.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  clientAddresses as clients,
  type Director,
  DirectorHost,
  localAddresses,
  serverAddress,
  serverAddress6,
  vip,
  vip6,
} from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

const command = resolve(import.meta.dirname, "../../packages/cli/bin/yardmaster.js");
const urls = { 4: `http://${vip}`, 6: `http://[${vip6}]` } as const;
const server = `
require("node:http").createServer((q, a) => a.end(q.socket.remoteAddress + " " + q.socket.remotePort))
  .listen(8080, "::", () => console.log("up"));
`;
const service = (name: string, address: string, port: number, servers: string) => `  ${name}:
    address: "${address}"
    port: ${port}
    forwarding: fullnat
    servers: [{ address: "${servers}", port: ${port === 80 ? 8080 : 8081} }]
`;
const config = (hook: string) => `director:
  interfaces: [front, back]
  hook: ${hook}
  localAddresses: [${localAddresses.join(", ")}]
services:
${service("node", vip, 80, serverAddress)}${service("node6", vip6, 80, serverAddress6)}${[
  service("nginx", vip, 81, serverAddress),
  service("nginx6", vip6, 81, serverAddress6),
].join("")}`;

describe.skipIf(needsRoot).each(["xdp", "tc"])("the client's address behind full NAT at %s", (hook) => {
  let host: DirectorHost;
  let director: Director;

  /** `yardmaster realserver` on the server; it sees this machine's file systems, where it pins its programs. */
  const realServer = (...args: readonly string[]): string => {
    const state = ["--state-directory", join(host.folder, "realserver")];
    const inside = `--net=/run/netns/${host.namespace("server")}`;
    return execFileSync("nsenter", [inside, process.execPath, command, "realserver", ...args, ...state], {
      encoding: "utf8",
    });
  };
  /** Asks, and says what was answered and from which port. */
  const ask = async (url: string): Promise<{ readonly text: string; readonly port: string }> => {
    const format = ["-w", "\n%{local_port}"];
    const { stdout } = await host.run("client", ["curl", "-sS", "--max-time", "10", ...format, url]);
    const at = stdout.lastIndexOf("\n");
    return { text: stdout.slice(0, at), port: stdout.slice(at + 1) };
  };

  beforeAll(async () => {
    host = new DirectorHost();
    host.prepareFullNat();
    const child = host.spawn("server", [process.execPath, "-e", server]);
    await new Promise((up) => child.stdout?.once("data", up));
    director = await host.start(config(hook));
  });
  afterAll(() => {
    realServer("down");
    host[Symbol.dispose]();
  });

  test("is the local one until the server knows how to read it, then the client's own, with its port", async () => {
    expect((await ask(urls[4])).text).toMatch(/^::ffff:10\.0\.0\.5 /u);
    expect((await ask(urls[6])).text).toMatch(/^fd00::5 /u);
    realServer("up", "--method", "fullnat", ...localAddresses.flatMap((address) => ["--director", address]));
    for (let at = 0; at < 5; at += 1) {
      const [four, six] = [await ask(urls[4]), await ask(urls[6])];
      expect(four.text).toBe(`::ffff:${clients[4]} ${four.port}`);
      expect(six.text).toBe(`${clients[6]} ${six.port}`);
    }
  });

  test("is in nginx's log", async () => {
    const log = join(host.folder, "access.log");
    const configuration = `
      daemon off; master_process off; pid ${host.folder}/pid; error_log stderr;
      events {}
      http {
        log_format seen '$remote_addr $remote_port'; access_log ${log} seen;
        server { listen 8081; listen [::]:8081 ipv6only=on; location / { return 200 "hello"; } }
      }`;
    writeFileSync(join(host.folder, "nginx.conf"), configuration);
    host.spawn("server", ["nginx", "-p", host.folder, "-c", join(host.folder, "nginx.conf")]);
    for (let at = 0; at < 200 && !existsSync(join(host.folder, "pid")); at += 1) await sleep(25);
    const [four, six] = [await ask(`${urls[4]}:81`), await ask(`${urls[6]}:81`)];
    expect([four.text, six.text]).toEqual(["hello", "hello"]);
    for (let at = 0; at < 200 && readFileSync(log, "utf8").split("\n").length < 3; at += 1) await sleep(25);
    expect(readFileSync(log, "utf8")).toBe(`${clients[4]} ${four.port}\n${clients[6]} ${six.port}\n`);
  });

  test("was told to all servers, says status", async () => {
    const { stdout } = await host.yardmaster(["status", "--json", "--socket", director.socketPath]);
    const { services } = JSON.parse(stdout) as {
      readonly services: readonly { readonly servers: readonly { readonly clientsUntold?: number }[] }[];
    };
    const untold = services.flatMap(({ servers }) => servers.map(({ clientsUntold }) => clientsUntold));
    expect(untold).toEqual([0, 0, 0, 0]);
    expect((await director.stop("SIGTERM")).status).toBe(0);
  });
});
