// What systemd hears of a director.
import { afterEach, expect, test, vi } from "vitest";
import { ServiceManager } from "./service-manager.ts";

const socket = { NOTIFY_SOCKET: "/run/systemd/notify" };

function hearing(environment: Readonly<Record<string, string>>) {
  const heard: string[] = [];
  const manager = new ServiceManager(environment, (path, lines) => heard.push(`${path}: ${lines.join(" ")}`));
  return { heard, manager };
}

afterEach(() => vi.useRealTimers());

test("that it is up, reads its file again, and ends", async () => {
  const { heard, manager } = hearing(socket);
  manager.ready("2 services");
  await manager.reloading(async () => void heard.push("reading"));
  await expect(manager.reloading(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  manager.stopping();
  const plain = heard.map((line) => line.replace("/run/systemd/notify: ", "").replace(/\d{4,}/, "N"));
  const ready = "READY=1 STATUS=2 services";
  const reloading = "RELOADING=1 MONOTONIC_USEC=N";
  expect(plain).toEqual([ready, reloading, "reading", ready, reloading, ready, "STOPPING=1"]);
});

test("that it lives, twice in the time of the watchdog, if that is meant for this process", () => {
  vi.useFakeTimers();
  const { heard, manager } = hearing({ ...socket, WATCHDOG_USEC: "60000000", WATCHDOG_PID: String(process.pid) });
  const other = hearing({ ...socket, WATCHDOG_USEC: "60000000", WATCHDOG_PID: "1" });
  vi.advanceTimersByTime(60_000);
  expect([heard.length, other.heard.length]).toEqual([2, 0]);
  manager[Symbol.dispose]();
  vi.advanceTimersByTime(60_000);
  expect(heard).toHaveLength(2);
});

test("nothing, where no manager listens", () => {
  const { heard, manager } = hearing({ NOTIFY_SOCKET: "" });
  manager.ready("up");
  manager.stopping();
  expect(heard).toEqual([]);
});
