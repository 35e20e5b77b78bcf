// The socket of checks that send one datagram: connected, so that nobody but the server can answer, and ICMP errors
// come back as errors.
import { createSocket } from "node:dgram";
import { familyOf } from "../address.ts";
import { type Answer, failed, type Target } from "./exchange.ts";

/** What silence is called: where a check goes through the data plane an answer in fragments cannot come back. */
export function silenceOf({ dial }: Target): string {
  return dial === undefined ? "no answer" : "no answer in one piece (via: direct takes fragments, too)";
}

/** Sends a datagram and hands over what comes back; the function that comes back closes the socket. */
export function sendDatagram(
  { dial, ...target }: Target,
  datagram: Uint8Array,
  { received, done }: { readonly received: (message: Buffer) => void; readonly done: (answer: Answer) => void },
): () => void {
  const { address, port } = dial ?? target;
  const socket = createSocket(familyOf(address) === "ipv6" ? "udp6" : "udp4");
  let isOpen = true;
  const report = (error: Error | null | undefined) => {
    if (error !== null && error !== undefined && isOpen) done(failed(error));
  };
  socket.on("error", report);
  socket.on("message", (message) => {
    if (isOpen) received(message);
  });
  const connect = () =>
    socket.connect(port, address, () => {
      if (isOpen) socket.send(datagram, report);
    });
  if (dial === undefined) connect();
  else socket.bind({ address: dial.localAddress, port: 0 }, () => isOpen && connect());
  return () => {
    isOpen = false;
    socket.close();
  };
}
