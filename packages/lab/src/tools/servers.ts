// The servers of the scenario `tools`: nginx, iperf3 and dnsmasq, as Debian has them, on every real server's host.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { withNetworkNamespace } from "@yardmaster/linux";

import type { HostProcess } from "../host-process.ts";
import { isRunning, readLog, startHostProcess } from "../host-process.ts";
import { LabError, throwIfInterrupted } from "../lab-error.ts";
import type { LabLayout, LabService } from "../layout.ts";
import { serverHosts } from "../layout.ts";
import type { LabNetwork } from "../network.ts";
import { namespaceOf } from "../network.ts";

/** The name that servers are asked for: a TXT record that says who answers. */
export const askedName = "server.yardmaster.test";

const readyTimeoutMs = 20_000;
/** States of /proc/net/tcp and udp (include/net/tcp_states.h): a listener, and a socket that is not connected. */
const LISTEN = "0A";
const UNCONNECTED = "07";

/** One server program on one host. */
export interface ToolServer {
  readonly host: string;
  readonly service: LabService;
  readonly process: HostProcess;
  /** Where it writes a line for each request. */
  readonly requestLog: string;
}

/** Starts all of them. They serve once `waitForToolServers` has returned. */
export function startToolServers(
  network: LabNetwork,
  folder: string,
  controlGroupOf: (host: string) => string | undefined,
): readonly ToolServer[] {
  const { layout } = network;
  return serverHosts(layout).flatMap(({ name: host }) =>
    layout.services.map((service): ToolServer => {
      const own = join(folder, `${service.name}-${host}`);
      mkdirSync(own);
      const port = service.destinations.find((destination) => destination.host === host)?.port ?? service.port;
      const process = startHostProcess({
        namespace: namespaceOf(network, host),
        name: `${service.name}-${host}`,
        command: commandOf(service.name, { host, port, folder: own, layout }),
        logFolder: folder,
        channel: "none",
        controlGroup: controlGroupOf(host),
      });
      return { host, service, process, requestLog: service.name === "nginx" ? accessLog(own) : process.logFile };
    }),
  );
}

interface ToolOptions {
  readonly host: string;
  readonly port: number;
  readonly folder: string;
  readonly layout: LabLayout;
}

function commandOf(name: string, options: ToolOptions): readonly [string, ...string[]] {
  const port = String(options.port);
  if (name === "iperf3") return ["iperf3", "--server", "--port", port, "--forceflush"];
  if (name === "dnsmasq") {
    const record = `--txt-record=${askedName},${options.host}`;
    const quiet = ["--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file"];
    return ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--log-queries", `--port=${port}`, record, ...quiet];
  }
  return ["nginx", "-e", join(options.folder, "error.log"), "-c", nginxConfiguration(options)];
}

function accessLog(folder: string): string {
  return join(folder, "access.log");
}

/** Writes the file that nginx is started with. */
function nginxConfiguration({ host, port, folder, layout }: ToolOptions): string {
  const file = join(folder, "nginx.conf");
  const listen = layout.family === "ipv4" ? `${port}` : `[::]:${port}`;
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder};`);
  writeFileSync(
    file,
    [
      `user root; daemon off; pid ${folder}/pid; worker_processes 1; events { worker_connections 256; }`,
      `http { access_log ${accessLog(folder)}; ${temporary.join(" ")}`,
      `  server { listen ${listen}; location / { default_type text/plain; return 200 "${host}\\n"; } }`,
      "}",
      "",
    ].join("\n"),
  );
  return file;
}

/** Waits until every one of them has its port. Throws YM_LAB_PROGRAM_FAILED with the words of one that ends. */
export async function waitForToolServers(
  network: LabNetwork,
  servers: readonly ToolServer[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  for (const { host, service, process } of servers) {
    const port = service.destinations.find((destination) => destination.host === host)?.port ?? service.port;
    while (!isOpen(namespaceOf(network, host), service.protocol, port)) {
      const hasEnded = !isRunning(process);
      if (hasEnded || Date.now() > deadline) {
        const what = hasEnded ? "it ended" : `port ${port} is not open after ${readyTimeoutMs} ms`;
        const doing = `running "${process.name}" in the lab`;
        throw new LabError("YM_LAB_PROGRAM_FAILED", `${doing}: ${what}; it printed:\n${readLog(process).trim()}`);
      }
      await sleep(20);
      throwIfInterrupted(signal);
    }
  }
}

/** Whether a socket of a namespace waits at a port (proc_net(5): fields 2 and 4 are own address and state, in hex). */
function isOpen(namespace: string, protocol: "tcp" | "udp", port: number): boolean {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const state = protocol === "tcp" ? LISTEN : UNCONNECTED;
  return withNetworkNamespace(namespace, () =>
    [protocol, `${protocol}6`].some((file) =>
      readFileSync(`/proc/thread-self/net/${file}`, "utf8")
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .some(([, own = "", , found]) => own.endsWith(hex) && found === state),
    ),
  );
}
