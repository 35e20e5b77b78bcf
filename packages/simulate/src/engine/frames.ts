// The frames that reach the director: what clients send to the service and, under nat, what servers send back.
import { ethernet, frame, ipv4, ipv4FromNumber, tcp, udp } from "@yardmaster/packet";
import type { Flow, Protocol } from "../workload/flow.ts";

/** MAC addresses of the simulation; servers have one each. */
export const macs = {
  director: Uint8Array.of(2, 0, 0, 0, 0, 1),
  /** The router that clients are behind. */
  gateway: Uint8Array.of(2, 0, 0, 0, 0, 2),
} as const;

/** First half of a server's MAC address; its index follows in two bytes. */
const SERVER_MAC = [2, 0, 1, 0] as const;
/** Address of the first server: 10.0.0.1. */
const FIRST_SERVER = 0x0a00_0001;

/** MAC address of a server by its index. */
export function serverMac(index: number): Uint8Array {
  return Uint8Array.of(...SERVER_MAC, index >>> 8, index);
}

/** Address of a server by its index, as a number. */
export function serverAddress(index: number): number {
  return FIRST_SERVER + index;
}

/** Index of the server with this address; undefined where it is no server's. */
export function serverAt(address: number, servers: number): number | undefined {
  const index = address - FIRST_SERVER;
  return index >= 0 && index < servers ? index : undefined;
}

/** Index of the server that a frame is addressed to by its MAC address. */
export function addressee(bytes: Uint8Array): number | undefined {
  const isServer = SERVER_MAC.every((byte, at) => bytes[at] === byte);
  return isServer ? ((bytes[4] ?? 0) << 8) | (bytes[5] ?? 0) : undefined;
}

/** A client's packet to the service; `flags` are TCP's, as letters. */
export function requestFrame(flow: Flow, protocol: Protocol, flags: string): Uint8Array {
  const ports = { sourcePort: flow.clientPort, destinationPort: flow.destinationPort };
  return frame(
    ethernet({ destination: macs.director, source: macs.gateway }),
    ipv4({ source: ipv4FromNumber(flow.client), destination: ipv4FromNumber(flow.destination) }),
    protocol === "tcp" ? tcp({ ...ports, flags }) : udp(ports),
  );
}

/** A server's answer in its own name, as it comes back to a director that translates. */
export function replyFrame(flow: Flow, protocol: Protocol, flags: string, server: number): Uint8Array {
  const ports = { sourcePort: flow.destinationPort, destinationPort: flow.clientPort };
  return frame(
    ethernet({ destination: macs.director, source: serverMac(server) }),
    ipv4({ source: ipv4FromNumber(serverAddress(server)), destination: ipv4FromNumber(flow.client) }),
    protocol === "tcp" ? tcp({ ...ports, flags }) : udp(ports),
  );
}
