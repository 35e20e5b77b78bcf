// The OpenAPI document of the API (OpenAPI 3.1): its routes, with the schemas that the types and the configuration are
// made of. `packages/director/openapi.json` is this document; a test holds them together.
import { z } from "zod";
import { checkSchema } from "../config/health-schema.ts";
import { configurationSchema, encapsulation, serverSchema, serviceSchema } from "../config/schema.ts";
import { defaultMaximumConnections } from "../model/configuration.ts";
import { configurationDiff, fault, madeChange, plannedChange, problemDocument, serviceDiff } from "./change-schemas.ts";
import { checkList, checkStatus } from "./check-schemas.ts";
import { countersEvent, stateEvent } from "./event-schemas.ts";
import { operations, type Operation, parameters, problems } from "./operations.ts";
import {
  connectionList,
  connectionRow,
  destinationStatus,
  directorStatus,
  hint,
  serviceMatch,
  serviceStatus,
  trafficRates,
} from "./status-schemas.ts";

type Json = Readonly<Record<string, unknown>>;

const inComponents = (name: string) => `#/components/schemas/${name}`;

/** What is answered, by the names of the document. */
const answers = {
  DirectorStatus: directorStatus,
  CheckList: checkList,
  ConnectionList: connectionList,
  PlannedChange: plannedChange,
  MadeChange: madeChange,
  Problem: problemDocument,
  StateEvent: stateEvent,
  CountersEvent: countersEvent,
  Stopping: z.object({ pid: z.int().describe("of the process that ends") }),
  // Parts of these that stand in several places.
  ServiceStatus: serviceStatus,
  DestinationStatus: destinationStatus,
  TrafficRates: trafficRates,
  ServiceMatch: serviceMatch,
  Hint: hint,
  CheckStatus: checkStatus,
  ConnectionRow: connectionRow,
  ServiceDiff: serviceDiff,
  ConfigurationDiff: configurationDiff,
  ConfigurationFault: fault,
} as const;

/** What is asked for. */
const questions = {
  Configuration: configurationSchema,
  Service: serviceSchema,
  Server: serverSchema,
  Check: checkSchema,
  Encapsulation: encapsulation,
} as const;

/** The document, made anew. */
export function openApiDocument(): Json {
  return {
    openapi: "3.1.0",
    info: {
      title: "Yardmaster",
      version: "1",
      description:
        "The API of a director. Over a Unix socket whoever may open the socket may ask; over TCP a bearer token or a " +
        "client certificate is needed. What is refused gets a problem document (RFC 9457) and changes nothing.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "http://localhost", description: "any host name will do on the Unix socket" }],
    security: [{}, { token: [] }, { certificate: [] }],
    paths: pathsOf(operations),
    components: {
      schemas: schemas(),
      parameters,
      responses: Object.fromEntries(
        Object.entries(problems).map(([name, { description, headers }]) => [
          name,
          { description, ...(headers && { headers }), content: content("application/problem+json", "Problem") },
        ]),
      ),
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
        certificate: { type: "mutualTLS" },
      },
    },
  };
}

function pathsOf(all: readonly Operation[]): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of all) {
    const path = (paths[operation.path] ??= {});
    path[operation.method] = operationObject(operation);
  }
  return paths;
}

function operationObject({ id, summary, parameters: names = [], body, answer, refusals }: Operation): Json {
  const always = ["Unauthorized", "TooMany"] as const;
  return {
    operationId: id,
    summary,
    ...(names.length > 0 && { parameters: names.map((name) => ({ $ref: `#/components/parameters/${name}` })) }),
    ...(body !== undefined && {
      requestBody: {
        required: true,
        content: Object.assign({}, ...body.types.map((type) => content(type, body.schema))) as Json,
      },
    }),
    responses: {
      [answer.status]: {
        description: answer.description,
        ...(answer.hasTag === true && { headers: { ETag: { schema: { type: "string" } } } }),
        ...(answer.content !== undefined && {
          content: Object.assign({}, ...answer.content.map(([type, schema]) => content(type, schema))) as Json,
        }),
      },
      ...Object.fromEntries(
        [...always, ...refusals].map((name) => [problems[name].status, { $ref: `#/components/responses/${name}` }]),
      ),
    },
  };
}

function content(type: string, schema: string): Json {
  return { [type]: { schema: schema === "text" ? { type: "string" } : { $ref: inComponents(schema) } } };
}

function schemas(): Json {
  const written = withoutMachine(converted(questions, "input"));
  return {
    ...converted(answers, "output"),
    ...written,
    NewService: withName(written["Service"] as ObjectSchema),
    ServicePatch: patchOf(written["Service"] as ObjectSchema),
    ServerPatch: patchOf(written["Server"] as ObjectSchema),
  };
}

function converted(shown: Readonly<Record<string, z.ZodType>>, io: "input" | "output"): Json {
  const registry = z.registry<{ readonly id: string }>();
  for (const [id, schema] of Object.entries(shown)) registry.add(schema, { id });
  const { schemas: made } = z.toJSONSchema(registry, { io, uri: inComponents });
  return Object.fromEntries(
    Object.entries(made).map(([name, schema]) => {
      const { $schema: _schema, $id: _id, ...own } = schema as Json;
      // Answers may have more members in time; what is asked may not.
      return [name, io === "output" ? opened(own) : own];
    }),
  );
}

/** How many connections a director holds unless asked otherwise depends on the machine: the document does not. */
function withoutMachine(written: Json): Json {
  const machine = new Set<unknown>([defaultMaximumConnections]);
  const clean = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(clean);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).filter(([key, inner]) => key !== "default" || !machine.has(inner));
    return Object.fromEntries(entries.map(([key, inner]) => [key, clean(inner)]));
  };
  return clean(written) as Json;
}

/** Without `additionalProperties: false`, however deep. */
function opened(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(opened);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).flatMap(([key, value]) =>
      key === "additionalProperties" && value === false ? [] : [[key, opened(value)]],
    ),
  );
}

interface ObjectSchema extends Json {
  readonly properties: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
}

function withName({ properties, required = [], ...others }: ObjectSchema): Json {
  const name = { type: "string", description: "the key that it stands under" };
  // A service may begin without servers.
  const needed = required.filter((key) => key !== "servers");
  return { ...others, properties: { name, ...properties }, required: ["name", ...needed] };
}

/** The keys that are to change; null takes one away. */
function patchOf({ properties, required: _required, oneOf: _oneOf, ...others }: ObjectSchema): Json {
  const nullable = Object.entries(properties).map(([key, schema]) => [key, { anyOf: [schema, { type: "null" }] }]);
  return { ...others, properties: Object.fromEntries(nullable) as Json };
}
