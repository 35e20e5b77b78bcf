// A listener of the API on TCP: the conditions that it is opened on (model/api-settings.ts) checked, its files read.
import { DirectorError } from "../errors.ts";
import type { Report } from "../log/report.ts";
import { listenerFault, parseEndpoint, type TcpSettings } from "../model/api-settings.ts";
import { Credentials } from "./credentials.ts";

/** What is asked for. */
export interface TcpApiOptions extends TcpSettings {
  /** `127.0.0.1:9400`, `[2001:db8::1]:9400`. */
  readonly listen: string;
}

/** The same, read and found to be safe. */
export interface TcpEndpoint {
  readonly address: string;
  readonly port: number;
  readonly credentials: Credentials;
}

/** Reads what an endpoint needs. Throws a DirectorError: YM_API_LISTEN, YM_API_OPEN, YM_API_TOKEN, YM_API_TLS. */
export function openEndpoint(options: TcpApiOptions, report: Report): TcpEndpoint {
  const { listen } = options;
  const fault = listenerFault(options);
  const endpoint = parseEndpoint(listen);
  if (fault !== undefined || endpoint === undefined) {
    const { code = "LISTEN", problem = "", hint = "" } = fault ?? {};
    throw new DirectorError(`YM_API_${code}`, `opening the API on ${listen}: ${problem}`, { hint });
  }
  return { ...endpoint, credentials: new Credentials(options, report) };
}
