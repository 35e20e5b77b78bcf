// `yardmaster realserver check`: every part that `up` made is tried, not read from settings.
import { openPinnedXdpLink } from "@yardmaster/ebpf/kernel";
import { listLinks, routeTo } from "@yardmaster/linux";
import { type Prefix, prefixContains } from "@yardmaster/packet";
import { RealServerError } from "../errors.ts";
import { readOptions, type RealServerOptions, virtualAddresses } from "../options.ts";
import { pinDirectory } from "../pins.ts";
import { hostOf, interfaceOf, SOME_CLIENT } from "../plan.ts";
import { StateFile } from "../state.ts";
import { openUnwrapper, readUnwrapCounts } from "../unwrap/install.ts";
import { seeClient } from "./client-address.ts";
import type { Finding } from "./finding.ts";
import { loadInjector } from "./injector.ts";
import { checkSilence } from "./neighbour.ts";
import { checkService, checkStranger } from "./service.ts";

/** Whom the made-up client of a check claims to be. */
const CLAIMED = { 4: { address: "203.0.113.7", port: 4242 }, 6: { address: "2001:db8:cafe::7", port: 4242 } } as const;
const STRANGERS = ["198.18.0.1", "203.0.113.254"];

/**
 * Tries everything that this machine was made for. Throws a RealServerError (YM_REALSERVER_STATE) where `up` has not
 * been run since the last boot.
 */
export function check(stateDirectory: string): readonly Finding[] {
  const file = new StateFile(stateDirectory);
  const state = file.read();
  if (state === undefined) {
    const advice = 'run "yardmaster realserver up" first, in this network namespace';
    throw new RealServerError("YM_REALSERVER_STATE", `reading ${file.path}: nothing has been set up; ${advice}`);
  }
  const options = readOptions(state.options);
  switch (options.method) {
    case "dr":
    case "tun":
      return checkLocal(options);
    case "fullnat":
      return [...options.directors.map(checkClientAddress), ...checkStrangers(options.directors)];
    case "nat":
      return checkWayBack(options);
  }
}

function checkLocal(options: RealServerOptions): readonly Finding[] {
  const link = interfaceOf(options);
  using injector = loadInjector();
  using unwrapper =
    options.method === "tun" && options.unwrap === "own" ? openUnwrapper(pinDirectory(), options.guePort) : undefined;
  const addresses = virtualAddresses(options);
  const findings = [
    ...addresses.map(checkIsLocal),
    ...addresses.map((address) => checkSilence(injector, link, address)),
  ];
  const tcpServices = options.services.filter(({ protocol, port }) => protocol !== "udp" && port !== undefined);
  if (options.method === "dr" || options.unwrap === "kernel") {
    return [...findings, ...tcpServices.map((each) => checkService({ program: injector, link, options }, each))];
  }
  const attached = checkAttached();
  if (unwrapper === undefined || attached.outcome !== "good") return [...findings, attached];
  const entrance = { program: unwrapper, link, options };
  return [...findings, attached, ...tcpServices.map((each) => checkService(entrance, each)), checkStranger(entrance)];
}

function checkIsLocal(address: string): Finding {
  const { type } = routeTo(address);
  const found = { part: `address ${address}`, tried: "asked the kernel where packets to it go" };
  if (type === "local") return { ...found, outcome: "good", seen: "to this machine itself" };
  return { ...found, outcome: "bad", seen: `elsewhere (${type})`, advice: "somebody removed it from lo: run up again" };
}

function checkAttached(): Finding {
  const directory = pinDirectory();
  using link = openPinnedXdpLink(`${directory}/unwrap_link`);
  const index = link?.info().interfaceIndex ?? 0;
  const name = listLinks().find((each) => each.index === index)?.name;
  const found = { part: "unwrapper", tried: `opened its link pinned in ${directory}` };
  if (name === undefined) {
    return { ...found, outcome: "bad", seen: "it is attached to no interface", advice: "run up again" };
  }
  const counts = Object.entries(readUnwrapCounts(directory) ?? {}).filter(([, count]) => count > 0n);
  const soFar = counts.map(([reason, count]) => `${reason} ${count}`).join(", ") || "no packets in tunnels yet";
  return { ...found, outcome: "good", seen: `attached to ${name}; ${soFar}` };
}

/** A connection as through a director's full NAT. */
function checkClientAddress(director: Prefix): Finding {
  const claimed = CLAIMED[director.address.length === 4 ? 4 : 6];
  const from = hostOf(director);
  const told = seeClient({ director: from, client: claimed })?.peer.address ?? "no connection";
  const found = {
    part: `client's address behind director ${from}`,
    tried: `made a connection from ${from} that said that its client is ${claimed.address}`,
    seen: `getpeername told ${told}`,
  };
  if (told === claimed.address) return { ...found, outcome: "good" };
  return {
    ...found,
    outcome: "bad",
    advice: "run up again; with --cgroup, run this check inside of that control group",
  };
}

function checkStrangers(directors: readonly Prefix[]): readonly Finding[] {
  const from = STRANGERS.find((address) => !directors.some((prefix) => prefixContains(prefix, address)));
  if (from === undefined) return [];
  const told = seeClient({ director: from, client: CLAIMED[4] })?.peer.address ?? "no connection";
  const found = {
    part: "client's address said by strangers",
    tried: `made a connection from ${from}, which is no director, that said the same`,
    seen: `getpeername told ${told}`,
  };
  if (told === from) return [{ ...found, outcome: "good" }];
  return [{ ...found, outcome: "bad", advice: "see which other program is attached: bpftool cgroup tree" }];
}

/** NAT: answers have to go through a director, or clients see them come from the wrong address. */
function checkWayBack({ directors }: RealServerOptions): readonly Finding[] {
  return ([4, 6] as const).flatMap((family): Finding[] => {
    const ofFamily = directors.filter(({ address }) => address.length === (family === 4 ? 4 : 16));
    if (ofFamily.length === 0) return [];
    const client = SOME_CLIENT[family];
    const route = routeTo(client);
    const gateway = route.type === "unicast" ? route.gateway : undefined;
    const isGood = gateway !== undefined && ofFamily.some((prefix) => prefixContains(prefix, gateway));
    const found = { part: `IPv${family} way back`, tried: `asked the kernel for the way to a client (${client})` };
    if (isGood) return [{ ...found, outcome: "good", seen: `through ${gateway}, a director` }];
    const seen = gateway === undefined ? `no gateway (${route.type})` : `through ${gateway}, which is no director`;
    return [{ ...found, outcome: "bad", seen, advice: "make a director the default gateway of this server" }];
  });
}
