// What the data plane has of the settings that people may write: derived from what it names, so that nothing has to be
// changed here when it has more.
import { featureNames } from "@yardmaster/dataplane";

/** By setting: the feature of a program's shape that does it. */
const featureOf = { clientAddress: "toa", mixedFamilies: "mixedFamilies" } as const;

/** Whether the data plane has what a setting asks for. */
export function isBuilt(setting: keyof typeof featureOf): boolean {
  return (featureNames as readonly string[]).includes(featureOf[setting]);
}
