// What is wrong with how the API is to be reached, at the keys that say it.
import { type ApiSettings, listenerFault } from "../model/api-settings.ts";
import { apiKeys } from "./fields.ts";
import type { Source } from "./source.ts";

/** Reports what would leave it open or cannot work; values of the wrong type are reported elsewhere. */
export function checkApi(source: Source): void {
  const written = apiKeys.map((key) => [key, source.valueAt(["api", key])] as const);
  if (written.some(([, value]) => value !== undefined && typeof value !== "string")) return;
  const fault = listenerFault(Object.fromEntries(written) as ApiSettings);
  if (fault === undefined) return;
  const { code, about, problem, hint } = fault;
  source.errorAt(["api", about], { code: `YM_CONFIG_API_${code}`, message: `the API: ${problem}`, hint });
}
