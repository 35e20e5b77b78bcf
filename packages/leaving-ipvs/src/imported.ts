// What an import makes of a file: services as they will be written, each with the place that it came from, and what
// was not carried over and why. What reads files fills it; write/ makes YAML of it.
import type { CheckDocument, ServerDocument, ServiceDocument } from "./document.ts";

/** A place of the file that is imported. */
export interface Origin {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Greater than `line` where a whole block is meant. */
  readonly lastLine: number;
  /** The line as it stands there. */
  readonly text: string;
}

/** Something of the file that has no counterpart in the configuration. */
export interface NotCarried extends Origin {
  readonly why: string;
}

/** A real server. */
export interface ImportedServer {
  readonly document: ServerDocument;
  readonly origin: Origin;
}

/** A virtual service. `document.servers` is empty: they stand beside it, in the order of the written file. */
export interface ImportedService {
  readonly name: string;
  readonly document: ServiceDocument;
  readonly origin: Origin;
  readonly servers: readonly ImportedServer[];
  readonly sorryServer?: { readonly document: NonNullable<ServiceDocument["sorryServer"]>; readonly origin: Origin };
  /** What it has in common with all of its servers. */
  readonly checks?: readonly CheckDocument[];
}

/** A whole file. */
export interface Imported {
  readonly services: readonly ImportedService[];
  readonly timeouts?: Readonly<Record<string, string>>;
  readonly notCarried: readonly NotCarried[];
}

const NAME_LENGTH = 60;

/** Gives services names that the configuration takes, each only once. */
export class Names {
  readonly #taken = new Set<string>();

  /** A name made of these words, with a number after it if another service has it. */
  take(...words: readonly (string | number)[]): string {
    const plain = words
      .join("-")
      .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "")
      .slice(0, NAME_LENGTH - 6);
    const base = plain === "" ? "service" : plain;
    let name = base;
    for (let number = 2; this.#taken.has(name); number++) name = `${base}-${number}`;
    this.#taken.add(name);
    return name;
  }
}
