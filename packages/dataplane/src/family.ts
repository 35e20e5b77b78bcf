// The two families of the internet protocol: what differs between them by size and number. The code of the road is
// built once for each family of the shape.

import { be16, be32, type Fields, type Struct, struct, u16, u32, u64, u8 } from "@yardmaster/ebpf";
import { addressType } from "./address.ts";
import { Destination } from "./destination.ts";

export type FamilyName = "ipv4" | "ipv6";

/** Words of a family's addresses. */
const WORDS: Readonly<Record<FamilyName, number>> = { ipv4: 1, ipv6: 4 };

/** A family: its numbers, and the structures whose size depends on the length of an address. */
export type Family = ReturnType<typeof family>;

function family(name: FamilyName) {
  const address = addressType(WORDS[name]);
  const digit = name === "ipv4" ? "4" : "6";

  /** A flow as it arrives: the key of connections. 16 or 40 bytes, no padding. */
  const FlowKey = struct(`flow_key${digit}`, {
    source: address,
    destination: address,
    sourcePort: be16,
    destinationPort: be16,
    protocol: u32,
  });

  /**
   * A connection, found by the client's flow (`direction` 0). Where no rule says for whom its server answers, it is
   * found by the server's flow as well (1): that entry does not live or count, it leads to the client's.
   */
  const Connection = struct(`connection${digit}`, {
    /**
     * One word, so that time and state change together: expiry in the low 32 bits, state in bits 32–35. Of a reply
     * entry: 0.
     */
    life: u64,
    /** Index of the destination. */
    destination: u32,
    /** Serial of the template that it was opened under; 0: none. */
    template: u32,
    /**
     * What to write into the packet. Request: the server's address and port, or with full NAT the local ones, where the
     * destination says the server's; reply: the service's.
     */
    address,
    port: be16,
    method: u8,
    direction: u8,
    /** Which state table the packets of the client follow. */
    table: u8,
    /** 1: replies are found by an entry of their own, 0: by a rule, or there are none. */
    hasReplyEntry: u8,
    /** `flags` of its service when it was opened; 0x80 once a UDP server has answered. */
    serviceFlags: u8,
    /** Bits of the client's address that its template keeps. */
    maskBits: u8,
  });

  /** What a packet that opens a connection may be addressed to. */
  const ServiceKey = struct(`service_key${digit}`, { address, port: be16, protocol: u16 });

  /** What a wide service is found by: the class of the packet's port, see PortClass, and a prefix of the address. */
  const Prefix = struct(`prefix${digit}`, { portClass: be32, address });

  /**
   * For whom a real server answers: key is its address, port and protocol, value the service's address and port. Only
   * where that is one service; otherwise connections have reply entries.
   */
  const ReplyRule = struct(`reply_rule${digit}`, { address, port: be16, reserved: u16 });

  /**
   * Of full NAT: whose a local address and port are while they talk to a server. Key is the server's flow; that it is
   * in the map is what takes the port.
   */
  const LocalFlow = struct(`local_flow${digit}`, {
    client: address,
    service: address,
    clientPort: be16,
    servicePort: be16,
    /**
     * 1: the client is of the other family. In IPv6's table its IPv4 addresses are in the first words; of IPv4's, which
     * has no room for IPv6 addresses, the ends are in a table of their own.
     */
    crosses: u32,
  });

  /** A packet that follows the connection of another: that one's flow, and the ends of the connection. */
  const Errand = struct(`icmp_errand${digit}`, {
    flow: FlowKey,
    ends: LocalFlow,
    /** Of a packet that is answered: with what, see answer/refusal.ts. */
    note: u32,
  });

  const PortSearch = portSearchType(`port_search${digit}`, { FlowKey, LocalFlow }, { FlowKey, LocalFlow });

  /** A client's template: the client by the bits of the mask, and what it is persistent to. */
  const TemplateKey = struct(`template_key${digit}`, {
    client: address,
    /** The virtual address; 0 where one template serves all addresses. */
    service: address,
    /** The virtual port; 0 where one template serves all ports. */
    port: be16,
    /** 0 where one template serves all protocols. */
    protocol: u16,
    /** Index of the service. Of a disabled template: its serial, with DISABLED in `protocol` and port 0xffff. */
    index: u32,
  });

  return {
    name,
    /** 4 or 6: the version number, and the ending of names in programs. */
    digit,
    words: WORDS[name],
    Address: address,
    FlowKey,
    Connection,
    ServiceKey,
    Prefix,
    ReplyRule,
    LocalFlow,
    ...keysWithoutPorts(name),
    ...probeTypes(name),
    Errand,
    PortSearch,
    TemplateKey,
  };
}

/**
 * Where a CPU looks for a local port: the server's flow that it tries, and who has an expired one. The server is of the
 * second family.
 */
export function portSearchType<F extends Fields, L extends Fields>(
  name: string,
  client: { readonly FlowKey: Struct<F>; readonly LocalFlow: Struct<L> },
  server: { readonly FlowKey: Struct<F>; readonly LocalFlow: Struct<L> },
) {
  return struct(name, {
    answer: server.FlowKey,
    entry: server.LocalFlow,
    /** The client's flow whose connection has expired and still has a port. */
    owner: client.FlowKey,
    hasOwner: u32,
    /** What it looks at next, by how much it goes on, and how many there are: addresses × ports. */
    at: u32,
    stride: u32,
    size: u32,
    /** The pool: its first address, and how many. */
    first: u32,
    count: u32,
    /** 1: the search of a connection between families, which has a scratch of its own, was the last one. */
    crosses: u32,
    /** Of IPv6 clients whose server is of IPv4: what has no room in `entry`. */
    ends: client.LocalFlow,
  });
}

/** What is found by addresses alone. */
function keysWithoutPorts(name: FamilyName) {
  const address = addressType(WORDS[name]);
  const digit = name === "ipv4" ? "4" : "6";

  /** An address that services have, without port. */
  const VirtualPrefix = struct(`virtual_prefix${digit}`, { address });

  /** What all fragments of a datagram have in common (RFC 791, RFC 8200 §4.5). */
  const FragmentKey = struct(`fragment_key${digit}`, {
    source: address,
    destination: address,
    /** As the bytes lie in the header. */
    identification: u32,
    protocol: u32,
  });

  return { VirtualPrefix, FragmentKey };
}

/** The other one. */
export function otherFamily({ name }: Pick<Family, "name">): Family {
  return families[name === "ipv4" ? "ipv6" : "ipv4"];
}

/** Of health checks that go through the data plane. */
function probeTypes(name: FamilyName) {
  const address = addressType(WORDS[name]);
  const digit = name === "ipv4" ? "4" : "6";

  /**
   * What an address of the checks stands for: a server as one service uses it, and what the packets become. Written by
   * the control plane only.
   */
  const Probe = struct(`probe${digit}`, {
    /**
     * The server; what of its record tells the way counts. Packets leave from its `tunnelSource`, whatever the method.
     */
    server: Destination,
    /** Where the server sees the packets come from. */
    source: address,
    /** What they are addressed to: the service's address, or where the method translates the server's. */
    destination: address,
    port: be16,
    reserved: u16,
  });

  /** Whose an exchange under way is: key is the server's flow. */
  const ProbeFlow = struct(`probe_flow${digit}`, {
    /** The check's socket. */
    client: address,
    /** What it believes to talk to: an address of the checks. */
    probe: address,
    clientPort: be16,
    probePort: be16,
    /** Tick from which on it counts as unknown. */
    expiresAt: u32,
  });

  return { Probe, ProbeFlow };
}

export const families: Readonly<Record<FamilyName, Family>> = { ipv4: family("ipv4"), ipv6: family("ipv6") };
