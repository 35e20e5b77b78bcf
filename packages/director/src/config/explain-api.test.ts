// `api`: what can be written, and what is said of the rest.
import { expect, test } from "vitest";
import { type ConfigurationError } from "./fault.ts";
import { parseConfiguration } from "./parse-configuration.ts";

const file = (api: string) => `api: ${api}
services: {}
`;

function faultsOf(api: string): string {
  try {
    parseConfiguration(file(api), "y.yaml");
    return "none";
  } catch (error) {
    return (error as ConfigurationError).faults
      .map(({ code, line, column, message }) => `${line}:${column} ${code}: ${message}`)
      .join("; ");
  }
}

test("who may ask besides the owner of the socket", () => {
  const { configuration } = parseConfiguration(file("{ group: ops, listen: '127.0.0.1:9400', tokenFile: /t }"), "y");
  expect(configuration.api).toEqual({ group: "ops", listen: "127.0.0.1:9400", tokenFile: "/t" });
  expect(parseConfiguration("services: {}", "y").configuration).not.toHaveProperty("api");
  const tls = "certificateFile: /c, keyFile: /k";
  expect(faultsOf(`{ listen: '0.0.0.0:9400', tokenFile: /t, ${tls} }`)).toBe("none");
  expect(faultsOf(`{ listen: '[::]:9400', clientCaFile: /a, ${tls} }`)).toBe("none");
});

test("what would be open, and what cannot work", () => {
  expect(
    [
      "{ listen: '127.0.0.1:9400' }",
      "{ listen: '192.0.2.1:9400', tokenFile: /t }",
      "{ listen: 9400, tokenFile: /t }",
      "{ listen: 'localhost:9400', tokenFile: /t }",
      "{ listen: '127.0.0.1:9400', clientCaFile: /a }",
      "{ listen: '127.0.0.1:9400', tokenFile: /t, keyFile: /k }",
      "{ tokenFile: /t }",
      "{ group: 5 }",
      "{ token: secret }",
      "9400",
    ].map(faultsOf),
  ).toMatchInlineSnapshot(`
    [
      "1:16 YM_CONFIG_API_OPEN: the API: it would be open to everybody",
      "1:16 YM_CONFIG_API_OPEN: the API: the token would go over the network in the clear",
      "1:16 YM_CONFIG_TYPE: listen must be text, not 9400",
      "1:16 YM_CONFIG_API_LISTEN: the API: "localhost:9400" is no address and port",
      "1:48 YM_CONFIG_API_TLS: the API: client certificates need TLS",
      "1:58 YM_CONFIG_API_TLS: the API: a certificate and its key go together",
      "1:19 YM_CONFIG_API_LISTEN: the API: it is not said where it listens",
      "1:15 YM_CONFIG_TYPE: group must be text, not 5",
      "1:8 YM_CONFIG_UNKNOWN_KEY: unknown key "token" in api",
      "1:6 YM_CONFIG_TYPE: api must be a map, not 9400",
    ]
  `);
});
