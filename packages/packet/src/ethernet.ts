// Ethernet II headers with any number of VLAN tags (IEEE 802.1Q, 802.1ad): the outermost layer of every frame.
import type { MacLike } from "./address.ts";
import { formatMac, macBytes } from "./address.ts";
import { checkField, concat, need, put16, u16 } from "./bytes.ts";
import type { Layer, Located } from "./layer.ts";
import { announced } from "./layer.ts";

/** EtherTypes (include/uapi/linux/if_ether.h). */
export const etherTypes = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  serviceVlan: 0x88a8,
  oldServiceVlan: 0x9100,
} as const;

const tagTypes: readonly number[] = [etherTypes.vlan, etherTypes.serviceVlan, etherTypes.oldServiceVlan];

/** One VLAN tag. `type` is the EtherType that announces the tag itself. */
export interface VlanTag {
  readonly type: number;
  /** 0 to 4095; 0 carries a priority only. */
  readonly id: number;
  readonly priority: number;
  readonly dropEligible: boolean;
}

/** A parsed Ethernet header; `type` is the one after all tags. */
export interface Ethernet extends Located {
  readonly layer: "ethernet";
  readonly destination: string;
  readonly source: string;
  readonly vlan: readonly VlanTag[];
  readonly type: number;
}

export interface EthernetFields {
  readonly destination: MacLike;
  readonly source: MacLike;
  /** From the outermost tag inwards; a number is a tag with that id. Tags that enclose another are 802.1ad. */
  readonly vlan?: readonly (number | (Partial<VlanTag> & Pick<VlanTag, "id">))[];
  /** Follows from the layer inside unless given. */
  readonly type?: number;
}

/** Reads an Ethernet header and its tags; throws PacketError when they are cut off. */
export function parseEthernet(bytes: Uint8Array, offset = 0): Ethernet {
  need(bytes, offset, 14, "ethernet");
  const vlan: VlanTag[] = [];
  let at = offset + 12;
  while (tagTypes.includes(u16(bytes, at))) {
    need(bytes, at, 6, "VLAN tag");
    const control = u16(bytes, at + 2);
    const dropEligible = (control & 0x1000) !== 0;
    vlan.push({ type: u16(bytes, at), id: control & 0xfff, priority: control >>> 13, dropEligible });
    at += 4;
  }
  return {
    layer: "ethernet",
    offset,
    headerLength: at + 2 - offset,
    destination: formatMac(bytes.subarray(offset, offset + 6)),
    source: formatMac(bytes.subarray(offset + 6, offset + 12)),
    vlan,
    type: u16(bytes, at),
  };
}

function buildTags(vlan: NonNullable<EthernetFields["vlan"]>): Uint8Array {
  const bytes = new Uint8Array(vlan.length * 4);
  for (const [index, given] of vlan.entries()) {
    const tag = typeof given === "number" ? { id: given } : given;
    const isInnermost = index === vlan.length - 1;
    const type = tag.type ?? (isInnermost ? etherTypes.vlan : etherTypes.serviceVlan);
    const priority = checkField("ethernet VLAN priority", tag.priority ?? 0, 3) << 13;
    const dropEligible = tag.dropEligible === true ? 0x1000 : 0;
    put16(bytes, index * 4, checkField("ethernet VLAN type", type, 16));
    put16(bytes, index * 4 + 2, priority | dropEligible | checkField("ethernet VLAN id", tag.id, 12));
  }
  return bytes;
}

/** An Ethernet header to build. */
export function ethernet(fields: EthernetFields): Layer {
  return {
    layer: "ethernet",
    write(inside, { inner }) {
      const type = announced("ethernet", "type", fields.type ?? inner?.etherType, inner);
      const tail = new Uint8Array(2);
      put16(tail, 0, checkField("ethernet type", type, 16));
      const addresses = concat(macBytes(fields.destination), macBytes(fields.source));
      return concat(addresses, buildTags(fields.vlan ?? []), tail, inside);
    },
  };
}
