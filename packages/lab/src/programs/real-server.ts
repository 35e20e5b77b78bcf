// A real server of the lab: answers HTTP requests and UDP datagrams with its name and the client it saw.
// Started by servers.ts inside the server's namespace; ends when the lab is gone, unless told to stay.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:http";
import { isIPv6 } from "node:net";

import type { RealServerOptions } from "../servers.ts";
import { stayOnRequest } from "./stay.ts";

const options = JSON.parse(process.argv[2] ?? "") as RealServerOptions;
/** Makes an answer longer than the request, so that replies show in byte counts. */
const filling = "x".repeat(1000);
let answered = 0;
/** By port, as asked for by "open": accepted and not closed from both ends. */
const openConnections: Record<number, number> = {};

for (const port of options.tcpPorts) {
  openConnections[port] = 0;
  // A connection is the client's to end, however long it is silent.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const { remoteAddress, remotePort } = request.socket;
    answered += 1;
    response.setHeader("content-type", "application/json");
    const client = `${remoteAddress}:${remotePort}`;
    response.end(`${JSON.stringify({ server: options.name, client, answered, filling })}\n`);
  });
  const count = (difference: 1 | -1) => {
    openConnections[port] = (openConnections[port] ?? 0) + difference;
  };
  server.on("connection", (socket) => {
    count(1);
    socket.once("close", () => count(-1));
  });
  server.listen(port, isIPv6(options.udpBindAddress) ? "::" : "0.0.0.0");
  await once(server, "listening");
}

for (const port of options.udpPorts) {
  const socket = createSocket(isIPv6(options.udpBindAddress) ? "udp6" : "udp4");
  socket.on("message", (_, sender) => {
    const client = `${sender.address}:${sender.port}`;
    socket.send(JSON.stringify({ server: options.name, client }), sender.port, sender.address);
  });
  socket.bind(port, options.udpBindAddress);
  await once(socket, "listening");
}

process.on("message", (message) => {
  if (message === "open") process.send?.(openConnections);
});
stayOnRequest();
process.stdout.write("ready\n");
