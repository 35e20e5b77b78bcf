// A real server of the lab: answers HTTP requests and UDP datagrams with its name and the client it saw.
// Started by servers.ts inside the server's namespace; ends when the lab is gone, unless told to stay.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:http";

import type { RealServerOptions } from "../servers.ts";
import { stayOnRequest } from "./stay.ts";

const options = JSON.parse(process.argv[2] ?? "") as RealServerOptions;
/** Makes an answer longer than the request, so that replies show in byte counts. */
const filling = "x".repeat(1000);
let answered = 0;

for (const port of options.tcpPorts) {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const { remoteAddress, remotePort } = request.socket;
    answered += 1;
    response.setHeader("content-type", "application/json");
    const client = `${remoteAddress}:${remotePort}`;
    response.end(`${JSON.stringify({ server: options.name, client, answered, filling })}\n`);
  });
  server.listen(port, "0.0.0.0");
  await once(server, "listening");
}

for (const port of options.udpPorts) {
  const socket = createSocket("udp4");
  socket.on("message", (_, sender) => {
    const client = `${sender.address}:${sender.port}`;
    socket.send(JSON.stringify({ server: options.name, client }), sender.port, sender.address);
  });
  socket.bind(port, options.udpBindAddress);
  await once(socket, "listening");
}

stayOnRequest();
process.stdout.write("ready\n");
