// HTTP/1.1 messages as far as the simulated clients and servers speak it: a start line, headers, and a body whose
// length is said (RFC 9112).

/** One message, a request or a response. */
export interface HttpMessage {
  readonly startLine: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const HEAD_END = "\r\n\r\n";
const decoder = new TextDecoder("latin1");

/** The bytes of a message; `headers` besides Content-Length. */
export function httpBytes(startLine: string, headers: Readonly<Record<string, string>>, body: string): Uint8Array {
  const lines = Object.entries({ ...headers, "Content-Length": body.length }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return new TextEncoder().encode(`${[startLine, ...lines].join("\r\n")}${HEAD_END}${body}`);
}

/** Puts the pieces that TCP delivers together to messages. */
export class HttpReader {
  #text = "";

  /** Takes a piece; returns the messages that are whole now. */
  push(data: Uint8Array): readonly HttpMessage[] {
    this.#text += decoder.decode(data);
    const messages: HttpMessage[] = [];
    for (let message = this.#take(); message !== undefined; message = this.#take()) messages.push(message);
    return messages;
  }

  #take(): HttpMessage | undefined {
    const headEnd = this.#text.indexOf(HEAD_END);
    if (headEnd < 0) return undefined;
    const [startLine = "", ...lines] = this.#text.slice(0, headEnd).split("\r\n");
    const headers = new Map(
      lines.map((line) => {
        const [name = "", ...rest] = line.split(":");
        return [name.toLowerCase(), rest.join(":").trim()] as const;
      }),
    );
    const start = headEnd + HEAD_END.length;
    const end = start + Number(headers.get("content-length") ?? 0);
    if (this.#text.length < end) return undefined;
    const body = this.#text.slice(start, end);
    this.#text = this.#text.slice(end);
    return { startLine, headers, body };
  }
}
