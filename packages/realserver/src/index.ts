// Entry of @yardmaster/realserver: what runs on a real server so that a forwarding method can reach it.
export { check } from "./check/check.ts";
export { type ClientProbe, type ClientSeen, seeClient } from "./check/client-address.ts";
export { type Change, describeChange } from "./changes.ts";
export type { Finding } from "./check/finding.ts";
export { RealServerError, type RealServerErrorCode } from "./errors.ts";
export { methodNames, type OptionTexts } from "./options.ts";
export { DEFAULT_STATE_DIRECTORY } from "./state.ts";
export { down, type DownReport, up, type UpReport } from "./up.ts";
