// Where the API listens on TCP, and on what conditions: never without a token or client certificates, and in the clear
// only where nobody can listen in.
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { TlsOptions } from "node:tls";
import { DirectorError } from "../errors.ts";
import type { Report } from "../log/report.ts";
import { readTokens, type Tokens } from "./tokens.ts";

/** What is asked for; files by their paths. */
export interface TcpApiOptions {
  /** `127.0.0.1:9400`, `[2001:db8::1]:9400`. */
  readonly listen: string;
  readonly tokenFile?: string | undefined;
  /** PEM: the server's certificate with what vouches for it, and its key. */
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** PEM: who vouches for clients. */
  readonly clientCaFile?: string | undefined;
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
  const { address, port } = parseEndpoint(listen);
  const doing = `opening the API on ${listen}`;
  if (tokenFile === undefined && clientCaFile === undefined) {
    throw new DirectorError("YM_API_OPEN", `${doing}: it would be open to everybody`, {
      hint: "name a file of tokens with --api-token-file, or who vouches for clients with --api-client-ca",
    });
  }
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw new DirectorError("YM_API_TLS", `${doing}: a certificate and its key go together`, {
      hint: "name both, with --api-certificate and --api-key",
    });
  }
  const hasTls = certificateFile !== undefined && keyFile !== undefined;
  if (clientCaFile !== undefined && !hasTls) {
    throw new DirectorError("YM_API_TLS", `${doing}: client certificates need TLS`, {
      hint: "name the server's own certificate and key with --api-certificate and --api-key",
    });
  }
  if (!hasTls && !isLoopback(address)) {
    throw new DirectorError("YM_API_OPEN", `${doing}: the token would go over the network in the clear`, {
      hint: "give it TLS with --api-certificate and --api-key, or listen on 127.0.0.1 or [::1]",
    });
  }
  const read = tokenFile === undefined ? undefined : readTokens(tokenFile);
  if (read?.isOpen === true) {
    report(`${tokenFile}: everybody on this machine may read the API's tokens`, { level: "warning" });
  }
  const tls = hasTls ? readTls({ certificateFile, keyFile, clientCaFile }, read !== undefined) : undefined;
  return { address, port, tokens: read?.tokens, tls };
}

function parseEndpoint(text: string): { readonly address: string; readonly port: number } {
  const [, six, four, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = six ?? four ?? "";
  const port = Number(digits);
  const isGood = isIP(address) === (six === undefined ? 4 : 6) && port >= 1 && port <= 65_535;
  if (isGood) return { address, port };
  throw new DirectorError("YM_API_LISTEN", `opening the API: "${text}" is no address and port`, {
    hint: "write 127.0.0.1:9400 or [::1]:9400",
  });
}

function isLoopback(address: string): boolean {
  return address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
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
