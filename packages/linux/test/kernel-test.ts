// What the kernel tests of this package share: a network namespace of their own with a pair of veths.

import { execFileSync } from "node:child_process";
import { describe } from "vitest";
import { missingPrivileges } from "../src/privileges.ts";

const problem = missingPrivileges();

/** `describe` for tests that need privileges; without them it skips, with the reason in the name. */
export function describeKernel(name: string, body: () => void): void {
  describe.skipIf(problem !== undefined)(problem === undefined ? name : `${name} (skipped: ${problem})`, body);
}

/** A namespace with interfaces "veth0" (10.99.0.1/24, fd99::1/64) and "veth1"; disposing deletes it and all inside. */
export function createVethNamespace(): Disposable & { readonly name: string } {
  const name = `ymtest-linux-${process.pid}`;
  const ip = (...args: readonly string[]): void => void execFileSync("ip", args);
  const remove = (): void => ip("netns", "del", name);
  const inside = (...args: readonly string[]): void => ip("-n", name, ...args);
  ip("netns", "add", name);
  try {
    inside("link", "add", "veth0", "mtu", "1400", "type", "veth", "peer", "name", "veth1");
    inside("link", "set", "veth0", "up", "address", "02:00:00:00:00:0a");
    inside("link", "set", "veth1", "up");
    inside("addr", "add", "10.99.0.1/24", "dev", "veth0");
    inside("addr", "add", "fd99::1/64", "dev", "veth0", "nodad");
  } catch (error) {
    remove();
    throw error;
  }
  return { name, [Symbol.dispose]: remove };
}
