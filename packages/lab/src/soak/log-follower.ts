// Reads on in a log that a process writes, line by line, so that what is new is known without reading all again.
import { closeSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

const chunkBytes = 65_536;

/** Follows a file that is there. */
export class LogFollower implements Disposable {
  readonly #file: number;
  readonly #buffer = new Uint8Array(chunkBytes);
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";

  constructor(path: string) {
    this.#file = openSync(path, "r");
  }

  /** The lines since the last time; what has no end yet comes with the next ones. */
  read(): readonly string[] {
    while (true) {
      const length = readSync(this.#file, this.#buffer);
      if (length === 0) break;
      this.#rest += this.#decoder.write(this.#buffer.subarray(0, length));
    }
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop() ?? "";
    return lines;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
