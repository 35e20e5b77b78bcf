// Reads an HTTP/1 response as far as a check needs it (RFC 9112), whatever the server sends: bounded in length, without
// guessing. Pure: bytes in, what is known out.

/** What has been read. */
export type HttpRead =
  | { readonly state: "more" }
  | { readonly state: "invalid"; readonly problem: string }
  | { readonly state: "head" | "complete"; readonly head: HttpHead; readonly body: string };

/** The first lines of a response. */
export interface HttpHead {
  readonly status: number;
  /** `HTTP 503 Service Unavailable`. */
  readonly text: string;
}

const LONGEST_HEAD = 65_536;
/** Of a body so much is looked at. */
export const longestBody = 65_536;
const MOST_INTERIM = 10;
const statusLine = /^HTTP\/1\.[01] ([1-5]\d\d)(?: (.*))?$/;
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/;
const chunkLine = /^([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?$/;

interface Head extends HttpHead {
  readonly framing: { readonly kind: "length"; readonly bytes: number } | { readonly kind: "chunked" | "close" };
}

/** Reads a response that comes in pieces. */
export class HttpResponse {
  readonly #hasBody: boolean;
  #rest: Buffer = Buffer.alloc(0);
  #head: Head | undefined;
  #interim = 0;
  #body: Buffer[] = [];
  #bodyBytes = 0;
  /** Bytes left of the chunk that is being read; -1: its length comes next; -2: the line break after it. */
  #chunk = -1;

  /** `hasBody`: false for the answer to HEAD. */
  constructor({ hasBody }: { readonly hasBody: boolean }) {
    this.#hasBody = hasBody;
  }

  /** Takes more bytes. */
  push(bytes: Buffer): HttpRead {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.#head === undefined) {
      const read = this.#readHead();
      if (read !== undefined) return read;
    }
    return this.#readBody(this.#head);
  }

  /** The server sends no more. */
  end(): HttpRead {
    const head = this.#head;
    if (head === undefined) return invalid("the server closed the connection before its answer was complete");
    if (head.framing.kind === "close") return this.#known("complete", head);
    return invalid(`${head.text}, and the server closed the connection before the body was complete`);
  }

  /** Undefined: it was read, or one that another follows. */
  #readHead(): HttpRead | undefined {
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end < 0) {
      if (this.#rest.length > LONGEST_HEAD) return invalid(`the answer's head is longer than ${LONGEST_HEAD} bytes`);
      if (!looksLikeHttp(this.#rest)) return invalid(`not HTTP/1: ${firstLine(this.#rest)}`);
      return { state: "more" };
    }
    if (end > LONGEST_HEAD) return invalid(`the answer's head is longer than ${LONGEST_HEAD} bytes`);
    const head = readHead(this.#rest.subarray(0, end).toString("latin1"), this.#hasBody);
    if (typeof head === "string") return invalid(head);
    this.#rest = this.#rest.subarray(end + 4);
    if (head.status >= 200) this.#head = head;
    else if (++this.#interim > MOST_INTERIM) return invalid(`more than ${MOST_INTERIM} interim answers`);
    return undefined;
  }

  #readBody(head: Head): HttpRead {
    if (head.framing.kind === "chunked") return this.#readChunks(head);
    const bytes = head.framing.kind === "length" ? head.framing.bytes : Number.POSITIVE_INFINITY;
    this.#keep(this.#rest.subarray(0, Math.max(0, bytes - this.#bodyBytes)));
    this.#rest = Buffer.alloc(0);
    return this.#known(this.#bodyBytes >= Math.min(bytes, longestBody) ? "complete" : "head", head);
  }

  #readChunks(head: Head): HttpRead {
    while (this.#bodyBytes < longestBody) {
      if (this.#chunk <= 0) {
        const isDone = this.#readChunkLine();
        if (isDone === undefined) return this.#known("head", head);
        if (isDone !== false) return isDone === true ? this.#known("complete", head) : invalid(isDone);
        continue;
      }
      if (this.#rest.length === 0) return this.#known("head", head);
      const part = this.#rest.subarray(0, this.#chunk);
      this.#keep(part);
      this.#chunk -= part.length;
      this.#rest = this.#rest.subarray(part.length);
      if (this.#chunk === 0) this.#chunk = -2;
    }
    return this.#known("complete", head);
  }

  /** True: it was the last chunk's; false: a chunk follows; undefined: not all is here; text: what is wrong. */
  #readChunkLine(): boolean | string | undefined {
    const end = this.#rest.indexOf("\r\n");
    if (end < 0) return this.#rest.length > 1024 ? "a chunk's length is longer than 1024 bytes" : undefined;
    const line = this.#rest.subarray(0, end).toString("latin1");
    this.#rest = this.#rest.subarray(end + 2);
    if (this.#chunk === -2) {
      this.#chunk = -1;
      return line === "" ? false : "no line break after a chunk";
    }
    const match = chunkLine.exec(line);
    if (match === null) return "a chunk without length";
    this.#chunk = Number.parseInt(match[1] ?? "", 16);
    return this.#chunk === 0;
  }

  #keep(bytes: Buffer): void {
    const part = bytes.subarray(0, longestBody - this.#bodyBytes);
    this.#bodyBytes += part.length;
    if (part.length > 0) this.#body.push(part);
  }

  #known(state: "head" | "complete", head: Head): HttpRead {
    return { state, head, body: state === "complete" ? Buffer.concat(this.#body).toString("utf8") : "" };
  }
}

function invalid(problem: string): HttpRead {
  return { state: "invalid", problem };
}

function looksLikeHttp(bytes: Buffer): boolean {
  const start = "HTTP/1.";
  const seen = bytes.subarray(0, start.length).toString("latin1");
  return start.startsWith(seen);
}

function firstLine(bytes: Buffer): string {
  return JSON.stringify(
    bytes
      .subarray(0, 40)
      .toString("latin1")
      .split(/[\r\n]/)[0],
  );
}

/** The head, or what is wrong with it. */
function readHead(text: string, hasBody: boolean): Head | string {
  const [first = "", ...lines] = text.split("\r\n");
  const match = statusLine.exec(first);
  if (match === null) return `not HTTP/1: ${JSON.stringify(first.slice(0, 40))}`;
  const status = Number(match[1]);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const header = headerLine.exec(line);
    if (header === null) return `no header: ${JSON.stringify(line.slice(0, 40))}`;
    headers.set((header[1] ?? "").toLowerCase(), header[2] ?? "");
  }
  const framing = framingOf(headers, hasBody && status !== 204 && status !== 304);
  return typeof framing === "string" ? framing : { status, text: `HTTP ${status} ${match[2] ?? ""}`.trim(), framing };
}

/** RFC 9112 §6.3. */
function framingOf(headers: ReadonlyMap<string, string>, hasBody: boolean): Head["framing"] | string {
  if (!hasBody) return { kind: "length", bytes: 0 };
  const coding = headers.get("transfer-encoding");
  if (coding !== undefined) {
    return coding.toLowerCase() === "chunked" ? { kind: "chunked" } : `transfer-encoding ${JSON.stringify(coding)}`;
  }
  const length = headers.get("content-length");
  if (length === undefined) return { kind: "close" };
  return /^\d{1,15}$/.test(length)
    ? { kind: "length", bytes: Number(length) }
    : `content-length ${JSON.stringify(length)} is no number`;
}
