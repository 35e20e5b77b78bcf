// Settings whose part of the data plane may not be there yet. What is written and would have no effect is a fault, for
// as long as the data plane does not name the feature: nothing has to be changed here when it does.
import { isBuilt } from "../model/built.ts";
import { quoteValue } from "./fault.ts";
import type { Outline } from "./outline.ts";
import type { Path, Source } from "./source.ts";

/** Reports settings that would have no effect. */
export function checkBuilt({ services }: Outline, source: Source): void {
  const report = (path: Path, idle: string) => {
    const noun = String(path.at(-1));
    const message = `${noun} ${quoteValue(source.valueAt(path))} is not supported yet`;
    source.errorAt(path, { code: "YM_CONFIG_NOT_SUPPORTED", message, hint: `remove it, or write ${noun}: ${idle}` });
  };
  if (isBuilt("clientAddress")) return;
  for (const { path, servers = [] } of services) {
    const places = [path, ...servers.map((server) => server.path)].map((owner) => [...owner, "clientAddress"]);
    for (const place of places.filter((at) => source.valueAt(at) === "toa")) report(place, "none");
  }
}
