// Where a cable is plugged in: the ends between which the simulated network's frames travel, counting them.
import type { EventQueue } from "./event-queue.ts";

/** One end of a cable. */
export class Port {
  /** Frames so far. */
  sent = 0;
  received = 0;
  /** Is shown every frame; it must not change the bytes. */
  tap: ((direction: "inbound" | "outbound", frame: Uint8Array) => void) | undefined;
  readonly #receive: (frame: Uint8Array) => void;
  #transmit: ((frame: Uint8Array) => void) | undefined;

  /** `receive` gets every frame that arrives; it may keep and change the bytes. */
  constructor(receive: (frame: Uint8Array) => void) {
    this.#receive = receive;
  }

  /** Sends a frame into the cable; without a cable it is lost. The bytes are the receiver's from now on. */
  send(frame: Uint8Array): void {
    this.sent += 1;
    this.tap?.("outbound", frame);
    this.#transmit?.(frame);
  }

  /** Puts a cable between two ports. Frames take `latencyMs` and keep their order. */
  static connect(queue: EventQueue, latencyMs: number, [a, b]: readonly [Port, Port]): void {
    a.#transmit = (frame) => void queue.after(latencyMs, () => b.#arrive(frame));
    b.#transmit = (frame) => void queue.after(latencyMs, () => a.#arrive(frame));
  }

  #arrive(frame: Uint8Array): void {
    this.received += 1;
    this.tap?.("inbound", frame);
    this.#receive(frame);
  }
}
