// The entry of @yardmaster/packet: wire formats for tests, the lab, health checks and the command line.
// Knows bytes only; it imports nothing and opens nothing.
export * from "./address.ts";
export * from "./arp.ts";
export * from "./build.ts";
export { concat, fromHex, sameBytes, toHex } from "./bytes.ts";
export * from "./capture.ts";
export * from "./checksum.ts";
export * from "./describe.ts";
export * from "./errors.ts";
export * from "./ethernet.ts";
export * from "./fragment.ts";
export * from "./icmp.ts";
export * from "./ipv4.ts";
export * from "./ipv6.ts";
export type { Layer, LayerName, Located } from "./layer.ts";
export * from "./mutate.ts";
export type { HeaderOption } from "./options.ts";
export { headerOption, noOperation } from "./options.ts";
export * from "./parse.ts";
export * from "./pcapng.ts";
export * from "./random.ts";
export * from "./tcp.ts";
export * from "./tunnel.ts";
export * from "./udp.ts";
export * from "./verify.ts";
