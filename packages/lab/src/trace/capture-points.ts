// Where frames are captured: at one end of every cable, never the director's. What a driver's XDP program takes or
// sends passes no tap on its own host; the other end of the cable sees it as any frame.
import type { LabLayout, LinkEnd } from "../layout.ts";

/** An interface at which frames are captured, and who is at the other end of its cable. */
export interface CapturePoint extends LinkEnd {
  readonly peer: LinkEnd;
  /** Whether the point is a port of a switch: what comes in there is on its way to another port. */
  readonly isSwitch: boolean;
}

/** The points of a layout, one for each cable, in the cables' order. */
export function capturePoints(layout: LabLayout): readonly CapturePoint[] {
  const switches = new Set(layout.hosts.filter(({ kind }) => kind === "switch").map(({ name }) => name));
  const rank = ({ host }: LinkEnd): number => {
    if (host === "director") return 0;
    // Real servers may have a program too, that unwraps tunnels.
    if (host.startsWith("server")) return 1;
    return switches.has(host) ? 3 : 2;
  };
  return layout.links.map(({ ends: [a, b] }) => {
    const [end, peer] = rank(a) >= rank(b) ? [a, b] : [b, a];
    return { ...end, peer, isSwitch: switches.has(end.host) };
  });
}

/** A point as captures name it: `router eth1`. */
export function pointName({ host, interfaceName }: LinkEnd): string {
  return `${host} ${interfaceName}`;
}
