// The routes of the API that change something: the configuration whole, or a service or server of it. Bodies are
// bounded; whatever is wrong with one, nothing has changed. What replaces something says what it has read (If-Match),
// so that nobody undoes what another has just done.
import { bodyLimit } from "hono/body-limit";
import type { ChangeOptions, Keeper } from "../change/keeper.ts";
import { MOST_CONFIRM_MS } from "../change/keeper.ts";
import type { MadeChange } from "../change/planned-change.ts";
import {
  addServer,
  addService,
  editServer,
  editService,
  type Fields,
  removeServer,
  removeService,
  type ServerName,
} from "../change/single.ts";
import { tryParseDurationMs } from "../config/duration.ts";
import { maximumFileLength } from "../config/read-yaml.ts";
import { DirectorError } from "../errors.ts";
import { conditionOf } from "./condition.ts";
import { problem } from "./problem.ts";
import { type Asked, causeOf, type Routes } from "./route.ts";

/** Bytes of a body that says one service or server. */
const SINGLE_BODY = 1024 * 1024;
/** Maps and lists within one another. */
const MOST_NESTED = 16;
const SERVICE = "/v1/services/:name";
const SERVERS = `${SERVICE}/servers`;
const SERVER = `${SERVERS}/:endpoint`;

/**
 * Adds the routes over whoever keeps the configuration. What they answer is true of the next director as well, however
 * this one ends: they wait until it is `stored`.
 */
export function addChangeRoutes(
  routes: Routes,
  keeper: () => Keeper,
  stored: () => Promise<void> = () => Promise.resolve(),
): void {
  const made = async (context: Asked, change: MadeChange): Promise<Response> => {
    await stored();
    return context.json(change, 200, { etag: `"${change.revision}"` });
  };
  const whole = limit(maximumFileLength);
  const single = limit(SINGLE_BODY);
  addReadRoutes(routes, keeper);
  routes.put("/v1/configuration", whole, async (context) => {
    const condition = conditionOf(context);
    const text = await textOf(context);
    const options = { ...optionsOf(context, condition(keeper().revision)), confirmWithinMs: confirmOf(context) };
    return await made(context, keeper().put(text, options));
  });
  routes.post("/v1/plan", whole, async (context) => context.json(keeper().plan(await textOf(context))));
  routes.post("/v1/configuration/confirm", single, async (context) => {
    keeper().confirm();
    await stored();
    return context.body(null, 204);
  });
  routes.post("/v1/configuration/rollback", single, (context) => made(context, keeper().rollBack(causeOf(context))));
  const edit = (method: "POST" | "PATCH" | "DELETE", path: string, make: MakeEdit): void => {
    routes.on(method, path, single, async (context: Asked) => {
      const condition = conditionOf(context);
      const fields = method === "DELETE" ? {} : await mapOf(context);
      return await made(context, make(fields, optionsOf(context, condition(keeper().revision)), context));
    });
  };
  edit("POST", "/v1/services", (fields, options) => addService(keeper(), fields, options));
  edit("PATCH", SERVICE, (fields, options, context) => editService(keeper(), nameOf(context), fields, options));
  edit("DELETE", SERVICE, (_, options, context) => removeService(keeper(), nameOf(context), options));
  edit("POST", SERVERS, (fields, options, context) => addServer(keeper(), nameOf(context), fields, options));
  edit("PATCH", SERVER, (fields, options, context) => editServer(keeper(), serverOf(context), fields, options));
  edit("DELETE", SERVER, (_, options, context) => removeServer(keeper(), serverOf(context), options));
}

type MakeEdit = (fields: Fields, options: ChangeOptions, context: Asked) => MadeChange;

/** What is written, whole and in parts; each has the revision of the whole for its ETag. */
function addReadRoutes(routes: Routes, keeper: () => Keeper): void {
  const etag = () => ({ etag: `"${keeper().revision}"` });
  routes.get("/v1/configuration", (context) => {
    const headers = { ...etag(), vary: "accept" };
    // Who wants the revision alone need not wait for a long text.
    if (context.req.raw.method === "HEAD") return context.body(null, 200, headers);
    if ((context.req.header("accept") ?? "").includes("application/json")) {
      return context.json(keeper().toData() as object, 200, headers);
    }
    return context.body(keeper().text, 200, { ...headers, "content-type": "application/yaml" });
  });
  routes.get(SERVICE, (context: Asked) => {
    const { name } = keeper().service(nameOf(context));
    return context.json(servicesOf(keeper())[name] ?? {}, 200, etag());
  });
  routes.get(SERVER, (context: Asked) => {
    const { name, endpoint } = serverOf(context);
    const { service, at } = keeper().server(name, endpoint);
    return context.json(servicesOf(keeper())[service.name]?.servers?.[at] ?? {}, 200, etag());
  });
}

interface WrittenService {
  readonly servers?: readonly object[];
}

function servicesOf(keeper: Keeper): Readonly<Record<string, WrittenService>> {
  return (keeper.toData() as { readonly services: Readonly<Record<string, WrittenService>> }).services;
}

function nameOf(context: Asked): string {
  return context.req.param("name") ?? "";
}

function serverOf(context: Asked): ServerName {
  return { name: nameOf(context), endpoint: context.req.param("endpoint") ?? "" };
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

function optionsOf(context: Asked, revision: string | undefined): ChangeOptions {
  return { cause: causeOf(context), revision };
}

function confirmOf(context: Asked): number | undefined {
  const text = context.req.query("confirm");
  if (text === undefined) return undefined;
  const withinMs = tryParseDurationMs(text);
  if (withinMs !== undefined && withinMs > 0 && withinMs <= MOST_CONFIRM_MS) return withinMs;
  throw new DirectorError("YM_API_QUERY", `confirm must be a duration, 1ms–24h, such as 60s, and not "${text}"`);
}

async function textOf(context: Asked): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await context.req.arrayBuffer());
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new DirectorError("YM_API_BODY", "the body is not UTF-8 text", { cause });
  }
}

async function mapOf(context: Asked): Promise<Fields> {
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
  return value as Fields;
}

function isFlat(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isFlat(inner, levels - 1));
}
