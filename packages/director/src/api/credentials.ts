// What counts at a listener on TCP: tokens, the server's own certificate, who vouches for clients. Read from files at
// the start, and again when they change or somebody asks for that: certificates are renewed every few weeks. A file
// that is bad leaves the former content at work, and says so once.
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext, type TlsOptions } from "node:tls";
import { DirectorError } from "../errors.ts";
import type { Report } from "../log/report.ts";
import type { TcpSettings } from "../model/api-settings.ts";
import { readTokens, type Tokens } from "./tokens.ts";

/** What the files say. */
interface Content {
  /** Undefined: client certificates alone count. */
  readonly tokens: Tokens | undefined;
  /** Undefined: plain HTTP. */
  readonly tls: TlsOptions | undefined;
  /** Of the server's certificate. */
  readonly expiresAtMs: number | undefined;
  /** Whether any on this machine may read the tokens. */
  readonly isOpen: boolean;
  /** Tells contents apart. */
  readonly digest: string;
}

/** Before a certificate's end somebody should know: half of what those that are renewed by machines have left then. */
const WARN_BEFORE_MS = 14 * 86_400_000;

/** How a certificate stands. */
type Validity = "good" | "soon" | "over";

/** The credentials of one listener. */
export class Credentials {
  readonly #files: TcpSettings;
  readonly #report: Report;
  readonly #listeners = new Set<() => void>();
  #content: Content;
  /** The files as they were when they were read, and at the last look. */
  #read: string;
  #seen: string;
  /** What was said last against files that were not taken. */
  #problem: string | undefined;
  #validity: Validity = "good";

  /** Reads the files. Throws a DirectorError: YM_API_TOKEN, YM_API_TLS. */
  constructor(files: TcpSettings, report: Report) {
    this.#files = files;
    this.#report = report;
    this.#read = this.#seen = markOf(files);
    this.#content = readContent(files);
    this.#remark();
  }

  get tokens(): Tokens | undefined {
    return this.#content.tokens;
  }

  get tls(): TlsOptions | undefined {
    return this.#content.tls;
  }

  /** When the server's certificate ends, in Unix milliseconds; undefined: it has none. */
  get expiresAtMs(): number | undefined {
    return this.#content.expiresAtMs;
  }

  /** Calls back after each change of what counts. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Reads the files again; what is bad is reported and changes nothing. `cause`: who wants that. */
  reread(cause: string): void {
    this.#read = this.#seen = markOf(this.#files);
    let content: Content;
    try {
      content = readContent(this.#files);
    } catch (error) {
      this.#refuse(error as Error, cause);
      return;
    }
    if (this.#problem !== undefined) {
      this.#problem = undefined;
      this.#report("API: its files can be read again", { event: "troubleEnded", level: "notice", cause });
    }
    if (content.digest === this.#content.digest) return;
    this.#content = content;
    const until = content.expiresAtMs === undefined ? "" : `, its certificate is good until ${dateOf(content)}`;
    this.#report(`API: ${cause}: what is in its files now counts${until}`, {
      ...{ event: "accessChanged", level: "notice", cause },
    });
    this.#validity = "good";
    this.#remark();
    for (const listener of this.#listeners) listener();
  }

  /**
   * To be called from time to time. Reads the files again once they have changed and then rested from one look to the
   * next: who writes a certificate has yet to write its key. Says when the certificate's end comes near.
   */
  look(): void {
    const mark = markOf(this.#files);
    const isAtRest = mark === this.#seen;
    this.#seen = mark;
    if (isAtRest && mark !== this.#read) this.reread("changed files");
    this.#judge(Date.now());
  }

  #refuse(error: Error, cause: string): void {
    const hint = "hint" in error && typeof error.hint === "string" ? ` (${error.hint})` : "";
    const reason = `${error.message}${hint}`;
    if (reason === this.#problem) return;
    this.#problem = reason;
    this.#report(`API: ${cause}: not taken, what counted before still does: ${reason}`, {
      ...{ event: "troubleBegun", level: "error", cause, reason },
    });
  }

  #remark(): void {
    if (this.#content.isOpen) {
      this.#report(`${this.#files.tokenFile}: everybody on this machine may read the API's tokens`, {
        level: "warning",
      });
    }
    this.#judge(Date.now());
  }

  /** One line when the end comes near, and one when it has come. */
  #judge(nowMs: number): void {
    const { expiresAtMs = Number.POSITIVE_INFINITY } = this.#content;
    const leftMs = expiresAtMs - nowMs;
    const validity = leftMs <= 0 ? "over" : leftMs <= WARN_BEFORE_MS ? "soon" : "good";
    if (validity === this.#validity) return;
    this.#validity = validity;
    if (validity === "good") return;
    const { certificateFile = "" } = this.#files;
    const days = Math.floor(leftMs / 86_400_000);
    const left = days === 1 ? "1 day" : `${days} days`;
    const reason =
      validity === "over"
        ? `its certificate is over since ${dateOf(this.#content)}: clients refuse it`
        : `its certificate is good for ${left} more, until ${dateOf(this.#content)}`;
    const hint = `put a new one into ${certificateFile}, it is read by itself`;
    this.#report(`API: ${reason}; ${hint}`, {
      ...{ event: "troubleBegun", level: validity === "over" ? "error" : "warning", reason },
    });
  }
}

function dateOf({ expiresAtMs = 0 }: Content): string {
  return new Date(expiresAtMs).toISOString().replace(/\.000Z$/, "Z");
}

/** Tells whether files were written since: links are followed, as where a new folder takes another's place. */
function markOf({ tokenFile, certificateFile, keyFile, clientCaFile }: TcpSettings): string {
  const marks = [tokenFile, certificateFile, keyFile, clientCaFile].map((path) => {
    if (path === undefined) return "";
    try {
      const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
      return [dev, ino, size, mtimeMs, ctimeMs].join(":");
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    }
  });
  return marks.join(" ");
}

function readContent({ tokenFile, certificateFile, keyFile, clientCaFile }: TcpSettings): Content {
  const read = tokenFile === undefined ? undefined : readTokens(tokenFile);
  const hasTls = certificateFile !== undefined && keyFile !== undefined;
  const tls = hasTls ? readTls({ certificateFile, keyFile, clientCaFile }, read !== undefined) : undefined;
  const parts = [read?.digest, tls?.cert, tls?.key, tls?.ca].map((part) => String(part ?? ""));
  return {
    ...{ tokens: read?.tokens, tls, isOpen: read?.isOpen === true },
    expiresAtMs: tls && Date.parse(new X509Certificate(tls.cert).validTo),
    digest: createHash("sha256").update(JSON.stringify(parts)).digest("base64"),
  };
}

interface OwnTls extends TlsOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
}

function readTls(
  files: { readonly certificateFile: string; readonly keyFile: string; readonly clientCaFile: string | undefined },
  hasTokens: boolean,
): OwnTls {
  const { certificateFile, keyFile, clientCaFile } = files;
  const own = { cert: readPem(certificateFile), key: readPem(keyFile), minVersion: "TLSv1.2" } as const;
  const ca = clientCaFile === undefined ? undefined : readPem(clientCaFile);
  try {
    createSecureContext({ ...own, ...(ca !== undefined && { ca }) });
  } catch (cause) {
    const message = `taking ${certificateFile} and ${keyFile} for TLS: ${(cause as Error).message}`;
    const hint = "the key must be the certificate's: openssl x509 -pubkey and openssl pkey -pubout say the same then";
    throw new DirectorError("YM_API_TLS", message, { hint, cause });
  }
  // Where a token does as well, who has no certificate is heard; else the handshake fails.
  return ca === undefined ? own : { ...own, ca, requestCert: true, rejectUnauthorized: !hasTokens };
}

/** Certificates and keys are some kilobytes; a list of authorities some hundred. */
const MOST_BYTES = 4 * 1024 * 1024;

function readPem(path: string): Buffer {
  try {
    const { size } = statSync(path);
    if (size > MOST_BYTES) throw new Error(`it has ${size} bytes, more than ${MOST_BYTES}`);
    const content = readFileSync(path);
    if (content.includes("-----BEGIN ")) return content;
  } catch (cause) {
    throw new DirectorError("YM_API_TLS", `reading ${path}: ${(cause as Error).message}`, { cause });
  }
  throw new DirectorError("YM_API_TLS", `reading ${path}: it is not PEM`, { hint: "it begins with -----BEGIN" });
}
