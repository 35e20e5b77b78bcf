// What the guest gets besides this machine's own commands: ipvsadm, unpacked with the libraries it needs and never
// installed, because this machine may well have no IPVS to administer.
import { globSync } from "node:fs";
import { join } from "node:path";
import { unpackedPackage, VmUnavailableError } from "./debian-package.ts";

/** The libraries that ipvsadm is linked with, besides the C library. */
const LIBRARY_PACKAGES = ["libnl-3-200", "libnl-genl-3-200", "libpopt0"] as const;

/** A shell script that is ipvsadm in the guest, after fetching its packages if need be. */
export function ipvsadmScript(): string {
  const program = only("ipvsadm", "{,usr/}sbin/ipvsadm");
  const libraries = LIBRARY_PACKAGES.map((name) => only(name, "{,usr/}lib/*-linux-gnu"));
  return `#!/bin/sh\nLD_LIBRARY_PATH='${libraries.join(":")}' exec '${program}' "$@"\n`;
}

function only(packageName: string, pattern: string): string {
  const tree = unpackedPackage(packageName);
  const [found] = globSync(join(tree, pattern));
  if (found === undefined)
    throw new VmUnavailableError(`reading the package ${packageName}: no ${pattern} in "${tree}"`);
  return found;
}
