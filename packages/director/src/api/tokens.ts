// Bearer tokens (RFC 6750) that the API takes over TCP: read from a file, compared without telling how much of one is
// right.
import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { DirectorError } from "../errors.ts";

/** As `openssl rand -hex 32` makes them, and others: b64token (RFC 6750 §2.1), too long to be guessed. */
const TOKEN = /^[A-Za-z0-9\-._~+/]{16,512}={0,2}$/;
const MOST_BYTES = 64 * 1024;
const HINT = "one token a line, of 16 or more letters and digits, as `openssl rand -hex 32` makes them";

/** The tokens of a file. */
export class Tokens {
  readonly #digests: readonly Buffer[];

  constructor(tokens: readonly string[]) {
    this.#digests = tokens.map(digest);
  }

  /** Whether a token is one of these; takes as long for any that is not. */
  has(token: string): boolean {
    const asked = digest(token);
    let isOne = false;
    for (const own of this.#digests) isOne = timingSafeEqual(own, asked) || isOne;
    return isOne;
  }
}

/** What a token file holds, and whether others than its owner and group may read it. */
export interface TokenFile {
  readonly tokens: Tokens;
  readonly isOpen: boolean;
  /** Tells contents apart, and tells nothing of them. */
  readonly digest: string;
}

/** Reads a file: one token a line; empty lines and those that begin with # do not count. Throws YM_API_TOKEN. */
export function readTokens(path: string): TokenFile {
  const { text, mode } = readSmall(path);
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const tokens = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (tokens.length === 0) throw refused(path, "there is none in it");
  const at = lines.findIndex((line) => tokens.includes(line) && !TOKEN.test(line));
  // Which line, and not what stands there: errors are logged.
  if (at >= 0) throw refused(path, `line ${at + 1} is none`);
  return { tokens: new Tokens(tokens), isOpen: (mode & 0o004) !== 0, digest: digest(text).toString("base64") };
}

function readSmall(path: string): { readonly text: string; readonly mode: number } {
  try {
    const { size, mode } = statSync(path);
    if (size > MOST_BYTES) throw refused(path, "it is too large");
    return { text: readFileSync(path, "utf8"), mode };
  } catch (cause) {
    if (cause instanceof DirectorError) throw cause;
    throw refused(path, (cause as Error).message, cause);
  }
}

function refused(path: string, why: string, cause?: unknown): DirectorError {
  return new DirectorError("YM_API_TOKEN", `reading the API's tokens from ${path}: ${why}`, { hint: HINT, cause });
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
