// Captures frames in a real lab: one tap in every namespace that has a capture point.
import { listLinks, PacketTap, withNetworkNamespace } from "@yardmaster/linux";

import type { LabNetwork } from "../network.ts";
import { namespaceOf } from "../network.ts";
import type { CapturePoint } from "./capture-points.ts";
import { capturePoints } from "./capture-points.ts";
import type { Sighting } from "./follow.ts";

/** Taps at all points of a network. */
export class NetworkTap implements Disposable {
  readonly points: readonly CapturePoint[];
  readonly #taps: DisposableStack;
  readonly #read: readonly (() => readonly Sighting[])[];

  /** Begins to capture. */
  constructor(network: LabNetwork) {
    this.points = capturePoints(network.layout);
    using taps = new DisposableStack();
    this.#read = [...new Set(this.points.map(({ host }) => host))].map((host) => {
      const { tap, links } = withNetworkNamespace(namespaceOf(network, host), () => ({
        tap: taps.use(new PacketTap()),
        links: listLinks(),
      }));
      const nameOf = new Map(links.map(({ index, name }) => [index, name]));
      const here = new Map(
        this.points.filter((point) => point.host === host).map((point) => [point.interfaceName, point]),
      );
      return () =>
        tap.read().flatMap(({ interfaceIndex, ...frame }): Sighting[] => {
          const point = here.get(nameOf.get(interfaceIndex) ?? "");
          return point === undefined ? [] : [{ ...frame, point }];
        });
    });
    this.#taps = taps.move();
  }

  /** What was seen since the last time. */
  read(): readonly Sighting[] {
    return this.#read.flatMap((read) => read());
  }

  /** Ends. */
  [Symbol.dispose](): void {
    this.#taps.dispose();
  }
}
