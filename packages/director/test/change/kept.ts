// A configuration that is kept, over a director that only takes note of it.

import fc from "fast-check";
import { createRoutes } from "../../src/api/routes.ts";
import { type Changeable, Keeper } from "../../src/change/keeper.ts";
import type { ProgramFate } from "../../src/change/planned-change.ts";
import { parseConfiguration } from "../../src/config/parse-configuration.ts";
import type { Configuration } from "../../src/model/configuration.ts";

export const webFile = `# The shop
services:
  web:
    address: 198.51.100.10 # the VIP
    port: 80
    forwarding: nat
    servers:
      - { address: 10.0.0.11, weight: 2 }
      - { address: 10.0.0.12 } # the old one
`;

/** A director that has its configuration and nothing else. */
export class NotingDirector implements Changeable {
  configuration: Configuration;
  /** Applying fails with this. */
  failure: Error | undefined;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
  }

  apply(configuration: Configuration): ProgramFate {
    if (this.failure !== undefined) throw this.failure;
    this.configuration = configuration;
    return { program: "kept" };
  }

  lackFor(): undefined {
    return undefined;
  }

  connectionsOf(): number {
    return 7;
  }

  /** Weights of the service "web", by address. */
  weights(): Readonly<Record<string, number>> {
    const web = this.configuration.services.find(({ name }) => name === "web");
    return Object.fromEntries(web?.servers.map(({ address, weight }) => [address, weight]) ?? []);
  }
}

/** The API over such a director. */
export function keep(text = webFile) {
  const parse = (written: string) => parseConfiguration(written, "configuration");
  const director = new NotingDirector(parse(text).configuration);
  const said: string[] = [];
  const keeper = new Keeper({ director, text, parse, report: (line) => said.push(line) });
  const never = (): never => {
    throw new Error("nobody asks");
  };
  const routes = createRoutes({ source: { status: never, connections: never, checks: never }, keeper: () => keeper });
  const ask = async (method: string, path: string, body?: string | Uint8Array, headers = {}) => {
    const answer = await routes.request(path, {
      method,
      headers: { ...(method !== "GET" && { "if-match": "*" }), ...headers },
      ...(body !== undefined && { body }),
    });
    return { status: answer.status, etag: answer.headers.get("etag"), text: await answer.text() };
  };
  return { director, keeper, said, ask };
}

/** Bodies of all sorts, most of them wrong. */
export const anyBody = fc.oneof(
  fc.json(),
  fc.uint8Array({ maxLength: 200 }),
  fc.string(),
  fc.nat(webFile.length).map((length) => webFile.slice(0, length)),
  fc.nat(1000).map((deep) => "[".repeat(deep)),
  fc.record({ weight: fc.oneof(fc.double(), fc.string(), fc.jsonValue()) }).map((value) => JSON.stringify(value)),
);
