// Two directors on one interface would each take the other's packets for new ones, or put each other's program away: an
// interface is one instance's.

import { join } from "node:path";
import type { Link } from "@yardmaster/linux";
import { DirectorError } from "../errors.ts";
import { defaultInstance, otherInstances } from "../succession/instance.ts";
import { linksFolder, openAttachment } from "./attach.ts";

/**
 * Throws a DirectorError, YM_INSTANCE_INTERFACE, where another instance than the one at `directory` has a program on an
 * interface, whether its director runs or not. Undefined: of an instance that keeps nothing.
 */
export function assertNobodyElses(directory: string | undefined, link: Link): void {
  const owner = otherInstances(directory).find((other) =>
    isAttached(join(other.directory, linksFolder, link.name), link),
  );
  if (owner === undefined) return;
  const down = `yardmaster down${owner.name === defaultInstance ? "" : ` --instance ${owner.name}`}`;
  const message = `attaching to ${link.name}: the director of instance "${owner.name}" is there`;
  throw new DirectorError("YM_INSTANCE_INTERFACE", message, {
    hint: `give each its own with director.interfaces, or one the services of both; \`${down}\` ends that one`,
  });
}

function isAttached(path: string, link: Link): boolean {
  try {
    using known = openAttachment(path, link);
    return known !== undefined;
  } catch {
    // Another user's: whether its program is there the kernel says when it comes to attaching.
    return false;
  }
}
