// Requests through a director for as long as a test changes it: short connections and one that is kept.
import type { ChildProcess } from "node:child_process";
import { type DirectorHost, vip } from "./director-host.ts";

/** A server that answers with the address of who asks. */
export const echoServer = `require("node:http").createServer((request, response) => {
  response.end(request.socket.remoteAddress);
}).listen(8080, () => console.log("listening"));`;
/** Requests without pause, on connections of their own and on one that is kept; says on SIGTERM what became of them. */
const client = `
  const http = require("node:http");
  const kept = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const results = { answered: 0, failed: [], keptSockets: new Set() };
  let isRunning = true;
  process.on("SIGTERM", () => (isRunning = false));
  const ask = (agent) => new Promise((done) => {
    const request = http.get({ host: "${vip}", agent, timeout: 5000 }, (response) => {
      response.resume().on("end", () => { results.answered += 1; done(); });
    });
    if (agent === kept) request.on("socket", (socket) => results.keptSockets.add(socket));
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", (error) => { results.failed.push(String(error)); done(); });
  });
  const run = async (agent) => {
    while (isRunning) { await ask(agent()); await new Promise((done) => setTimeout(done, 5)); }
  };
  console.log("asking");
  Promise.all([run(() => kept), run(() => new http.Agent()), run(() => new http.Agent())]).then(() => {
    const { answered, failed, keptSockets } = results;
    console.log(JSON.stringify({ answered, failed, keptConnections: keptSockets.size }));
    process.exit();
  });`;

/** What became of the requests. */
export interface Asked {
  readonly answered: number;
  readonly failed: readonly string[];
  readonly keptConnections: number;
}

/** Requests run while `body` does; what became of them. */
export async function whileAsking(host: DirectorHost, body: () => Promise<void>): Promise<Asked> {
  const child = host.spawn("client", [process.execPath, "-e", client]);
  await firstLine(child);
  let said = "";
  child.stdout?.on("data", (text) => (said += text));
  const ended = new Promise((done) => child.once("close", done));
  await body();
  child.kill("SIGTERM");
  await ended;
  return JSON.parse(said) as Asked;
}

/** Waits for the first words of a process. */
export async function firstLine(child: ChildProcess): Promise<void> {
  await new Promise((done) => child.stdout?.once("data", done));
}
