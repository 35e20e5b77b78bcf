// A listener of the API on TCP: the conditions that it is opened on (model/api-settings.ts) checked, its files read.
import { readFileSync } from "node:fs";
import type { TlsOptions } from "node:tls";
import { DirectorError } from "../errors.ts";
import type { Report } from "../log/report.ts";
import { listenerFault, parseEndpoint, type TcpSettings } from "../model/api-settings.ts";
import { readTokens, type Tokens } from "./tokens.ts";

/** What is asked for. */
export interface TcpApiOptions extends TcpSettings {
  /** `127.0.0.1:9400`, `[2001:db8::1]:9400`. */
  readonly listen: string;
}

/** The same, read and found to be safe. */
export interface TcpEndpoint {
  readonly address: string;
  readonly port: number;
  /** Undefined: client certificates alone count. */
  readonly tokens: Tokens | undefined;
  /** Undefined: plain HTTP. */
  readonly tls: TlsOptions | undefined;
}

/** Reads what an endpoint needs. Throws a DirectorError: YM_API_LISTEN, YM_API_OPEN, YM_API_TOKEN, YM_API_TLS. */
export function openEndpoint(options: TcpApiOptions, report: Report): TcpEndpoint {
  const { listen, tokenFile, certificateFile, keyFile, clientCaFile } = options;
  const fault = listenerFault(options);
  const endpoint = parseEndpoint(listen);
  if (fault !== undefined || endpoint === undefined) {
    const { code = "LISTEN", problem = "", hint = "" } = fault ?? {};
    throw new DirectorError(`YM_API_${code}`, `opening the API on ${listen}: ${problem}`, { hint });
  }
  const read = tokenFile === undefined ? undefined : readTokens(tokenFile);
  if (read?.isOpen === true) {
    report(`${tokenFile}: everybody on this machine may read the API's tokens`, { level: "warning" });
  }
  const hasTls = certificateFile !== undefined && keyFile !== undefined;
  const tls = hasTls ? readTls({ certificateFile, keyFile, clientCaFile }, read !== undefined) : undefined;
  return { ...endpoint, tokens: read?.tokens, tls };
}

function readTls(
  files: { readonly certificateFile: string; readonly keyFile: string; readonly clientCaFile: string | undefined },
  hasTokens: boolean,
): TlsOptions {
  const { certificateFile, keyFile, clientCaFile } = files;
  const own = { cert: readPem(certificateFile), key: readPem(keyFile), minVersion: "TLSv1.2" } as const;
  if (clientCaFile === undefined) return own;
  // Where a token does as well, who has no certificate is heard; else the handshake fails.
  return { ...own, ca: readPem(clientCaFile), requestCert: true, rejectUnauthorized: !hasTokens };
}

function readPem(path: string): Buffer {
  try {
    const content = readFileSync(path);
    if (content.includes("-----BEGIN ")) return content;
  } catch (cause) {
    throw new DirectorError("YM_API_TLS", `reading ${path}: ${(cause as Error).message}`, { cause });
  }
  throw new DirectorError("YM_API_TLS", `reading ${path}: it is not PEM`, { hint: "it begins with -----BEGIN" });
}
