// Whether a lab of namespaces can run here.
import { LabError } from "./lab-error.ts";

/** Throws YM_LAB_NOT_PERMITTED without Linux and root. */
export function assertPermitted(): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    const what = "it builds network namespaces, which needs Linux and root";
    throw new LabError("YM_LAB_NOT_PERMITTED", `running the lab: ${what}; run it with sudo`);
  }
}
