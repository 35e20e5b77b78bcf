// All checks by the kind of requirement. A new kind is a file and a line here.
import { methods, type Requirement } from "@yardmaster/dataplane";
import { familyOf } from "../address.ts";
import type { Check, Finding, Subject } from "./check.ts";
import { ipForwarding } from "./ip-forwarding.ts";
import { localAddressOwned } from "./local-address-owned.ts";
import { neighbourKnown } from "./neighbour-known.ts";
import type { Network } from "./network.ts";
import { onLink } from "./on-link.ts";
import { repliesThroughDirector } from "./replies-through-director.ts";
import { tunnelRoom } from "./tunnel-room.ts";
import { vipOnServer } from "./vip-on-server.ts";

/** Whether the server's packets are of its own family, which may be another than the service's. */
function isTranslated({ forwarding }: Subject): boolean {
  return methods[forwarding].hasLocalAddress;
}

const unseen: Check = () => [];

const checks: Readonly<Record<Requirement["kind"], Check>> = {
  ipForwarding: (subject, network) => {
    const families = new Set(isTranslated(subject) ? [subject.family, familyOf(subject.server)] : [subject.family]);
    return [...families].flatMap((family) => ipForwarding({ ...subject, family }, network));
  },
  onLink,
  repliesThroughDirector,
  vipOnServer,
  tunnelRoom,
  localAddressOwned,
  neighbourKnown,
  /** By the file alone: config/check-methods.ts. */
  localAddressesGiven: unseen,
  /** On the server: `yardmaster realserver check`. */
  unwrapping: unseen,
};

/** What a server's method asks of the network and does not find. Errors of `network` itself are the caller's. */
export function checkRequirements(subject: Subject, network: Network): readonly Finding[] {
  const kinds = new Set(methods[subject.forwarding].requires.map(({ kind }) => kind));
  return [...kinds].flatMap((kind) => checks[kind](subject, network));
}
