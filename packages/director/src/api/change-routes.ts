// The routes of the API that change something: the configuration whole, or a service or server of it. Bodies are
// bounded; whatever is wrong with one, nothing has changed.
import type { Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { ChangeOptions, Keeper } from "../change/keeper.ts";
import { MOST_CONFIRM_MS } from "../change/keeper.ts";
import type { MadeChange } from "../change/planned-change.ts";
import { addServer, addService, editServer, editService, removeServer, removeService } from "../change/single.ts";
import { tryParseDurationMs } from "../config/duration.ts";
import { maximumFileLength } from "../config/read-yaml.ts";
import { DirectorError } from "../errors.ts";
import { problem } from "./problem.ts";

/** Bytes of a body that says one service or server. */
const SINGLE_BODY = 1024 * 1024;
/** Maps and lists within one another. */
const MOST_NESTED = 16;

/** Adds the routes over whoever keeps the configuration. */
export function addChangeRoutes(routes: Hono, keeper: () => Keeper): void {
  const whole = limit(maximumFileLength);
  const single = limit(SINGLE_BODY);
  routes.get("/v1/configuration", (context) => {
    const headers = { etag: `"${keeper().revision}"`, vary: "accept" };
    if ((context.req.header("accept") ?? "").includes("application/json")) {
      return context.json(keeper().toData() as object, 200, headers);
    }
    return context.body(keeper().text, 200, { ...headers, "content-type": "application/yaml" });
  });
  routes.put("/v1/configuration", whole, async (context) => {
    const text = await textOf(context);
    return made(context, keeper().put(text, { ...optionsOf(context), confirmWithinMs: confirmOf(context) }));
  });
  routes.post("/v1/plan", whole, async (context) => context.json(keeper().plan(await textOf(context))));
  routes.post("/v1/configuration/confirm", single, (context) => {
    keeper().confirm();
    return context.body(null, 204);
  });
  routes.post("/v1/services", single, async (context) =>
    made(context, addService(keeper(), await mapOf(context), optionsOf(context))),
  );
  routes.patch("/v1/services/:name", single, async (context) =>
    made(context, editService(keeper(), context.req.param("name"), await mapOf(context), optionsOf(context))),
  );
  routes.delete("/v1/services/:name", single, (context) =>
    made(context, removeService(keeper(), context.req.param("name"), optionsOf(context))),
  );
  routes.post("/v1/services/:name/servers", single, async (context) =>
    made(context, addServer(keeper(), context.req.param("name"), await mapOf(context), optionsOf(context))),
  );
  routes.patch("/v1/services/:name/servers/:endpoint", single, async (context) => {
    const { name, endpoint } = context.req.param();
    return made(context, editServer(keeper(), { name, endpoint }, await mapOf(context), optionsOf(context)));
  });
  routes.delete("/v1/services/:name/servers/:endpoint", single, (context) => {
    const { name, endpoint } = context.req.param();
    return made(context, removeServer(keeper(), { name, endpoint }, optionsOf(context)));
  });
}

function limit(maxSize: number) {
  return bodyLimit({
    maxSize,
    onError: () =>
      problem({
        ...{ status: 413, title: "Content Too Large", code: "YM_API_TOO_LARGE" },
        detail: `the body is larger than ${maxSize / 1024 / 1024} MB`,
      }),
  });
}

function made(context: Context, change: MadeChange): Response {
  return context.json(change, 200, { etag: `"${change.revision}"` });
}

function optionsOf(context: Context): ChangeOptions {
  const [, revision] = /^\s*"(.*)"\s*$/.exec(context.req.header("if-match") ?? "") ?? [];
  return { cause: `${context.req.method} ${context.req.path}`, revision };
}

function confirmOf(context: Context): number | undefined {
  const text = context.req.query("confirm");
  if (text === undefined) return undefined;
  const withinMs = tryParseDurationMs(text);
  if (withinMs !== undefined && withinMs > 0 && withinMs <= MOST_CONFIRM_MS) return withinMs;
  throw new DirectorError("YM_API_QUERY", "confirm must be a duration, 1ms–24h, such as 60s");
}

async function textOf(context: Context): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await context.req.arrayBuffer());
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new DirectorError("YM_API_BODY", "the body is not UTF-8 text", { cause });
  }
}

async function mapOf(context: Context): Promise<Readonly<Record<string, unknown>>> {
  const text = await textOf(context);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DirectorError("YM_API_BODY", "the body is no JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DirectorError("YM_API_BODY", "the body is no JSON object");
  }
  if (!isFlat(value, MOST_NESTED)) throw new DirectorError("YM_API_BODY", "the body is nested too deeply");
  return value as Readonly<Record<string, unknown>>;
}

function isFlat(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isFlat(inner, levels - 1));
}
