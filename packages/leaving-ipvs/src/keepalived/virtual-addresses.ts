// Which packets a virtual server of keepalived is for: an address and a port, a firewall mark, or a group of both.
import { formatAddress, tryParseAddress } from "@yardmaster/packet";
import type { Origin } from "../imported.ts";
import type { Report } from "./checkers.ts";
import type { Statement } from "./statements.ts";

/** One service's worth of packets. */
export type VirtualMatch =
  /** Addresses in canonical spelling, or prefixes; port 0: all. */
  { readonly addresses: readonly string[]; readonly port: number } | { readonly mark: number };

/** Members of groups, by their names. */
export type Groups = ReadonlyMap<string, Statement>;

const MOST_OF_GROUP = 65_536;

/** The members of a virtual server; empty where it has none that can be read (which `report` is told). */
export function matchesOf(statement: Statement, groups: Groups, report: Report): readonly VirtualMatch[] {
  const [, first = "", second = ""] = statement.words;
  if (first !== "group") return memberOf(statement.words.slice(1), statement.origin, report);
  const group = groups.get(second);
  if (group === undefined) {
    report(statement.origin, `there is no virtual_server_group ${second.slice(0, 60)}`);
    return [];
  }
  return join((group.block ?? []).flatMap(({ words, origin }) => memberOf(words, origin, report)));
}

/** `address port`, or `fwmark number`. */
function memberOf(words: readonly string[], origin: Origin, report: Report): readonly VirtualMatch[] {
  const [first = "", second = "0"] = words;
  if (first === "fwmark") {
    const mark = /^(\d{1,10}|0x[0-9a-fA-F]{1,8})$/.test(second) ? Number(second) : 0;
    if (mark >= 1 && mark <= 0xffff_ffff) return [{ mark }];
    report(origin, `"${second.slice(0, 40)}" is no firewall mark`);
    return [];
  }
  const addresses = addressesOf(first);
  const port = portOf(second);
  if (addresses !== undefined && port !== undefined) return [{ addresses, port }];
  report(origin, addresses === undefined ? `"${first.slice(0, 60)}" is no address` : "the port is no number");
  return [];
}

/** A port; `any` and 0: all. */
export function portOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "any") return 0;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 65_536;
  return port <= 65_535 ? port : undefined;
}

/** An address, with a netmask's length which only VRRP would look at, or a range `192.0.2.1-9` as prefixes. */
function addressesOf(text: string): readonly string[] | undefined {
  const [, start = "", dash] = /^([^-/]+)(?:\/\d{1,3})?(?:-([0-9a-fA-F.:]+))?$/.exec(text) ?? [];
  const bytes = tryParseAddress(start);
  if (bytes === undefined) return undefined;
  if (dash === undefined) return [formatAddress(bytes)];
  const isSix = bytes.length === 16;
  const view = Buffer.from(bytes);
  const from = isSix ? view.readUInt16BE(14) : view.readUInt8(3);
  const end = /^[0-9a-fA-F]{1,4}$/.test(dash) ? Number.parseInt(dash, isSix ? 16 : 10) : -1;
  return end < from || end > (isSix ? 0xffff : 0xff) ? undefined : prefixesOf(view, from, end);
}

/** The fewest prefixes that are exactly these values of the last group. */
function prefixesOf(start: Buffer, from: number, to: number): readonly string[] {
  const prefixes: string[] = [];
  const isSix = start.length === 16;
  for (let at = from; at <= to; ) {
    let bits = 0;
    while (at % 2 ** (bits + 1) === 0 && at + 2 ** (bits + 1) - 1 <= to) bits++;
    const address = Buffer.from(start);
    if (isSix) address.writeUInt16BE(at, 14);
    else address.writeUInt8(at, 3);
    const length = start.length * 8 - bits;
    prefixes.push(bits === 0 ? formatAddress(address) : `${formatAddress(address)}/${length}`);
    at += 2 ** bits;
  }
  return prefixes;
}

/** Members of one port and family are one service; marks are one each. */
function join(members: readonly VirtualMatch[]): readonly VirtualMatch[] {
  const byPort = new Map<string, { addresses: string[]; port: number }>();
  const marks = new Map<number, VirtualMatch>();
  for (const member of members.slice(0, MOST_OF_GROUP)) {
    if ("mark" in member) {
      marks.set(member.mark, member);
      continue;
    }
    const key = `${member.port} ${member.addresses[0]?.includes(":") === true ? "ipv6" : "ipv4"}`;
    const known = byPort.get(key);
    if (known === undefined) byPort.set(key, { addresses: [...new Set(member.addresses)], port: member.port });
    else for (const address of member.addresses) if (!known.addresses.includes(address)) known.addresses.push(address);
  }
  return [...byPort.values(), ...marks.values()];
}
