// In the guest: loads modules of its kernel that the initial file system did not need.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { release } from "node:os";
import { guestKernel, KERNEL_VERSIONS, modulesInOrder } from "./guest-kernel.ts";

/** Loads the named modules and all they depend on, where they are not loaded. Throws on a kernel that is no guest's. */
export function loadModules(names: readonly string[]): void {
  const version = KERNEL_VERSIONS.find((each) => release().startsWith(`${each}.`));
  if (version === undefined) throw new Error(`loading modules: ${release()} is no guest's kernel`);
  const loaded = execFileSync("lsmod", { encoding: "utf8" });
  for (const { name, content } of modulesInOrder(guestKernel(version), names)) {
    if (new RegExp(`^${name} `, "mu").test(loaded)) continue;
    writeFileSync(`/tmp/${name}.ko`, content);
    execFileSync("insmod", [`/tmp/${name}.ko`]);
  }
}
