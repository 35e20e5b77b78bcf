// Every forwarding method's layout: where real and simulated lab, and tests, get their networks.
import { containersLayout } from "./layout-containers.ts";
import { directRoutingLayout } from "./layout-dr.ts";
import { fullNatLayout } from "./layout-fullnat.ts";
import { natLayout } from "./layout-nat.ts";
import { tunnelLayout } from "./layout-tun.ts";
import type { LabChoice, LabLayout, LabMethod } from "./layout.ts";

const layouts: Readonly<Record<LabMethod, (choice: LabChoice, clientCount: number) => LabLayout>> = {
  nat: natLayout,
  dr: directRoutingLayout,
  tun: tunnelLayout,
  fullnat: fullNatLayout,
};

/** Of a choice, all but the method may be left out: native XDP, IPv4, scenario `shares`. */
export type ChoiceOf = Pick<LabChoice, "method"> & Partial<LabChoice>;

/** The layout for a choice, with this many client addresses. Throws YM_LAB_OPTIONS for more than 200. */
export function layoutOf(choice: ChoiceOf, clientCount: number): LabLayout {
  const whole: LabChoice = { scenario: "shares", family: "ipv4", hook: "xdp", ...choice };
  return (whole.place === "containers" ? containersLayout : layouts[whole.method])(whole, clientCount);
}
