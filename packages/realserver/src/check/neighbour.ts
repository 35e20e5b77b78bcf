// Whether this machine answers ARP and neighbour discovery for a virtual address: it is asked, as from the wire. So
// that silence means something, it is first asked for an address that it must answer for.
import type { KernelProgram } from "@yardmaster/ebpf/kernel";
import { type InterfaceAddress, type Link, listAddresses } from "@yardmaster/linux";
import {
  addressBytes,
  arp,
  concat,
  ethernet,
  formatMac,
  frame,
  icmp6,
  icmp6Types,
  ipv6,
  layerOf,
  type ParsedFrame,
  sameBytes,
} from "@yardmaster/packet";
import { familyOf } from "../options.ts";
import type { Finding } from "./finding.ts";
import { ask } from "./injector.ts";

/** A made-up host (locally administered address) that asks. */
const ASKER_MAC = "02:79:61:72:64:01";
const ARP_REPLY = 2;
/** RFC 4291, 2.7.1: solicited-node multicast; and RFC 2464, 7: how such addresses are mapped to Ethernet. */
const SOLICITED_NODE = addressBytes("ff02::1:ff00:0").subarray(0, 13);

/** Asks for `address` on `link`. */
export function checkSilence(injector: KernelProgram, link: Link, address: string): Finding {
  const family = familyOf(address);
  const what = family === 4 ? "ARP" : "neighbour discovery";
  const part = `${what} for ${address}`;
  const own = listAddresses().find((each) => isUsable(each, link, family))?.address;
  const { mac } = link;
  if (own === undefined || mac === undefined) {
    const seen = `${link.name} has no IPv${family} address of its own or no MAC, so nobody asks there`;
    return { part, outcome: "unknown", tried: `looked for an address of ${link.name} to compare with`, seen };
  }
  const asked = (target: string): boolean => isAnswered(injector, { link, mac, target });
  const tried = `asked on ${link.name}, as from the wire, for its own ${own} and for ${address}`;
  if (!asked(own)) {
    return { part, outcome: "unknown", tried, seen: `no answer for ${own} either, so silence says nothing` };
  }
  if (!asked(address)) return { part, outcome: "good", tried, seen: `an answer for ${own}, none for ${address}` };
  const advice =
    family === 4
      ? "arp_ignore has to be 1 for all interfaces: run up again, and see what else sets it (sysctl.d)"
      : `take ${address} off ${link.name}: it belongs on lo, and proxy_ndp must not name it`;
  return { part, outcome: "bad", tried, seen: `an answer for ${address}: the director would lose packets`, advice };
}

function isUsable({ interfaceIndex, address }: InterfaceAddress, link: Link, family: 4 | 6): boolean {
  return interfaceIndex === link.index && familyOf(address) === family;
}

interface Question {
  readonly link: Link;
  readonly mac: string;
  readonly target: string;
}

/** Asked as those do who want an address for themselves (RFC 5227, RFC 4862): nobody learns a neighbour from it. */
function isAnswered(injector: KernelProgram, { link, mac, target }: Question): boolean {
  const interfaceIndex = link.index;
  if (familyOf(target) === 4) {
    const question = arp({ senderMac: ASKER_MAC, senderAddress: "0.0.0.0", targetAddress: target });
    const broadcast = ethernet({ source: ASKER_MAC, destination: "ff:ff:ff:ff:ff:ff" });
    const isAnswer = (parsed: ParsedFrame): boolean => {
      const answer = layerOf(parsed, "arp");
      return answer?.operation === ARP_REPLY && answer.senderAddress === target && answer.senderMac === mac;
    };
    return ask(injector, { frame: frame(broadcast, question), interfaceIndex }, isAnswer) !== undefined;
  }
  const bytes = addressBytes(target);
  const group = concat(SOLICITED_NODE, bytes.subarray(13));
  const destination = formatMac(concat(Uint8Array.of(0x33, 0x33), group.subarray(12)));
  const question = frame(
    ethernet({ source: ASKER_MAC, destination }),
    ipv6({ source: "::", destination: group, hopLimit: 255 }),
    icmp6({ type: icmp6Types.neighborSolicitation }),
    bytes,
  );
  const isAnswer = (parsed: ParsedFrame): boolean =>
    layerOf(parsed, "icmp6")?.type === icmp6Types.neighborAdvertisement &&
    sameBytes(parsed.remaining.subarray(0, 16), bytes);
  return ask(injector, { frame: question, interfaceIndex }, isAnswer) !== undefined;
}
