// The OpenAPI document: it is the one that is checked in, and it describes the routes that there are.
import { expect, test } from "vitest";
import { keep } from "../../test/change/kept.ts";
import { Events } from "./events.ts";
import { openApiDocument } from "./openapi.ts";
import { operations } from "./operations.ts";
import { createRoutes } from "./routes.ts";

const never = (): never => {
  throw new Error("nobody asks");
};

test("packages/director/openapi.json is the document (-u writes it)", async () => {
  const text = `${JSON.stringify(openApiDocument(), undefined, 2)}\n`;
  await expect(text).toMatchFileSnapshot("../../openapi.json");
});

test("every route is described, and nothing else", () => {
  const { routes } = createRoutes({
    source: { status: never, connections: never, checks: never },
    ...{ keeper: () => keep().keeper, events: new Events(never), stop: never, zero: never },
  });
  const known = new Set(routes.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`));
  expect(operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`).toSorted()).toEqual(
    [...known].toSorted(),
  );
});

test("every reference leads somewhere", () => {
  const document = openApiDocument();
  const text = JSON.stringify(document);
  for (const [, reference = ""] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const target = reference
      .split("/")
      .reduce<unknown>((at, step) => (at as Record<string, unknown>)?.[step], document);
    expect(target, reference).toBeDefined();
  }
});
