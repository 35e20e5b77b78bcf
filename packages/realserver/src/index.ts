// Entry of @yardmaster/realserver: what runs on a real server so that a forwarding method can reach it.
export { type ClientProbe, type ClientSeen, seeClient } from "./check/client-address.ts";
export { RealServerError, type RealServerErrorCode } from "./errors.ts";
export { findControlGroup } from "./toa/control-group.ts";
export { installToa, removeToa, type ToaOptions } from "./toa/install.ts";
