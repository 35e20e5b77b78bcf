// Datagrams to a service manager, whose part Python plays: Node has no such sockets.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { expect, test } from "vitest";
import { notifyManager } from "./notify.ts";

/** Prints the first datagram that comes to a socket, after a line that says that it listens. */
const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind("\\0" + name[1:] if name.startswith("@") else name)
print("listening", flush=True)
print(s.recv(4096).decode())
`;

test.each(["/socket", "@yardmaster-test"])("a manager at %s hears it", async (name) => {
  const folder = mkdtempSync(join(tmpdir(), "notify-"));
  const path = name.startsWith("@") ? `${name}-${process.pid}` : join(folder, name);
  const child = spawn("python3", ["-c", receiver, path], { stdio: ["ignore", "pipe", "inherit"] });
  let heard = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (heard += text));
  await once(child.stdout, "data");
  expect(notifyManager(path, ["READY=1", "STATUS=1 service"])).toBe(true);
  await once(child, "close");
  expect(heard).toBe("listening\nREADY=1\nSTATUS=1 service\n");
  rmSync(folder, { recursive: true });
});

test("nobody there, or no such socket, is no failure", () => {
  for (const path of [
    "/nonexistent/notify",
    "@nobody-listens-there",
    "notify",
    "",
    `/${"x".repeat(200)}`,
    "/dev/null",
  ]) {
    expect(notifyManager(path, ["READY=1"])).toBe(false);
  }
});
