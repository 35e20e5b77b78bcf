// A server that tells its name: to each TCP connection once, which it then keeps until the client closes it, and to
// each datagram. Started inside a server's namespace; ends with who started it.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import type { ServerOptions } from "../visit.ts";

const { name, listeners } = JSON.parse(process.argv[2] ?? "") as ServerOptions;

for (const { protocol, port, address } of listeners) {
  if (protocol === "tcp") {
    const server = createServer((socket) => {
      // Reading lets the end be seen, which is then answered with an end.
      socket.resume();
      socket.write(name);
    });
    server.listen(port, address);
    await once(server, "listening");
  } else {
    const socket = createSocket("udp4");
    socket.on("message", (_, sender) => socket.send(name, sender.port, sender.address));
    socket.bind(port, address);
    await once(socket, "listening");
  }
}

process.on("disconnect", () => process.exit(0));
process.stdout.write("ready\n");
