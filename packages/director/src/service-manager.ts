// What the director tells systemd, where that started it (Type=notify): that it is up, that it reads its file again,
// that it ends, and, where a watchdog is set, that it lives. Protocol: sd_notify(3), sd_watchdog_enabled(3).

import { notifyManager } from "@yardmaster/linux";

type Environment = Readonly<Record<string, string | undefined>>;
/** Sends lines to a socket. */
type Send = (path: string, lines: readonly string[]) => void;

/** The manager of a service; where there is none, nothing is told to nobody. */
export class ServiceManager implements Disposable {
  readonly #send: (lines: readonly string[]) => void;
  readonly #watchdog: NodeJS.Timeout | undefined;
  #status = "";

  constructor(environment: Environment = process.env, send: Send = notifyManager) {
    const path = environment["NOTIFY_SOCKET"];
    this.#send = path === undefined || path === "" ? () => undefined : (lines) => send(path, lines);
    const everyMs = watchdogMs(environment);
    if (everyMs === undefined) return;
    this.#watchdog = setInterval(() => this.#send(["WATCHDOG=1"]), everyMs);
    this.#watchdog.unref();
  }

  /** It is up; `status` is what `systemctl status` shows. */
  ready(status: string): void {
    this.#status = status;
    this.#send(["READY=1", `STATUS=${status}`]);
  }

  /** Runs something while the manager knows that the service reads its configuration again. */
  async reloading(run: () => Promise<void>): Promise<void> {
    // CLOCK_MONOTONIC in microseconds: the manager tells by it which request is answered.
    this.#send(["RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`]);
    try {
      await run();
    } finally {
      this.ready(this.#status);
    }
  }

  stopping(): void {
    this.#send(["STOPPING=1"]);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#watchdog);
  }
}

/** Half of the time after which the manager would end this process; undefined: it does not. */
function watchdogMs(environment: Environment): number | undefined {
  const { WATCHDOG_USEC: usec = "", WATCHDOG_PID: pid } = environment;
  if (!/^\d{1,15}$/.test(usec) || Number(usec) === 0) return undefined;
  if (pid !== undefined && pid !== String(process.pid)) return undefined;
  return Math.max(1, Math.floor(Number(usec) / 2000));
}
