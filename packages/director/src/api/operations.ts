// The routes of the API as data: what openapi.ts describes and the fuzz test tries. That these are the routes that
// there are is tested.

const table = {
  BadRequest: { status: 400, description: "the body or query is not understood" },
  Unauthorized: { status: 401, description: "over TCP: neither a token nor a client certificate that counts" },
  NotFound: { status: 404, description: "there is no such service or server" },
  Conflict: { status: 409, description: "there is one already, or the change before this one waits to be confirmed" },
  Stale: { status: 412, description: "the configuration is another one than If-Match names" },
  TooLarge: { status: 413, description: "the body is too large" },
  Refused: { status: 422, description: "the configuration that would result has faults: all of them" },
  Unconditional: { status: 428, description: "If-Match is missing" },
  TooMany: {
    status: 429,
    description: "too much is asked",
    headers: { "Retry-After": { schema: { type: "integer" }, description: "seconds" } },
  },
} as const;

/** A name of those. */
export type ProblemName = keyof typeof table;

/** What a refusal is. */
export interface ProblemAnswer {
  readonly status: number;
  readonly description: string;
  readonly headers?: object;
}

/** Refusals that several routes have, by the names of the document. */
export const problems: Readonly<Record<ProblemName, ProblemAnswer>> = table;

const query = (name: string, schema: object, description: string) => ({ name, in: "query", schema, description });
const inPath = (name: string, description: string) => ({
  ...{ name, in: "path", required: true, schema: { type: "string" }, description },
});

/** Parameters by the names of the document. */
export const parameters = {
  Limit: query("limit", { type: "integer", minimum: 1, maximum: 1_000_000, default: 1000 }, "rows at most"),
  Confirm: query(
    "confirm",
    { type: "string", pattern: "^\\d{1,9}(ms|s|m|h|d)$" },
    "takes the change back after so long unless it is confirmed: 60s",
  ),
  Service: query("service", { type: "string" }, "name of a service; all where it is missing"),
  Counters: query("counters", { type: "string", default: "10s" }, "how often counters are sent: 1s to 1h, or off"),
  LastEventId: {
    ...{ name: "Last-Event-ID", in: "header", schema: { type: "string" } },
    description: "the last event that is known: those after it are sent first, or a gap where they are not kept",
  },
  IfMatch: {
    ...{ name: "If-Match", in: "header", required: true, schema: { type: "string" } },
    description: "the ETag of the configuration that is changed, or * for whichever there is",
  },
  IfMatchOptional: {
    ...{ name: "If-Match", in: "header", schema: { type: "string" } },
    description: "the ETag of the configuration that is added to",
  },
  Name: inPath("name", "name of the service"),
  Endpoint: inPath("endpoint", "10.0.0.11:80, or 10.0.0.11 where one server of the service has that address"),
} as const;

/** What a route takes and gives. */
export interface Operation {
  readonly method: "get" | "put" | "post" | "patch" | "delete";
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly parameters?: readonly (keyof typeof parameters)[];
  /** `schema`: a name of the document, or `text`. */
  readonly body?: { readonly types: readonly string[]; readonly schema: string };
  readonly answer: {
    readonly status: number;
    readonly description: string;
    readonly content?: readonly (readonly [type: string, schema: string])[];
    readonly hasTag?: true;
  };
  readonly refusals: readonly ProblemName[];
}

const json = (schema: string) => [["application/json", schema]] as const;
const made = { status: 200, description: "it is made", content: json("MadeChange"), hasTag: true } as const;
const file = { types: ["application/yaml", "application/json"], schema: "Configuration" } as const;
const fields = (schema: string) => ({ types: ["application/json"], schema });
const edits = ["BadRequest", "Conflict", "Stale", "TooLarge", "Refused"] as const;
const replaces = [...edits, "NotFound", "Unconditional"] as const;
const service = "/v1/services/{name}";
const server = `${service}/servers/{endpoint}`;

/** All routes. */
export const operations: readonly Operation[] = [
  {
    ...{ method: "get", path: "/v1/status", id: "status", summary: "the director, its services and servers, counted" },
    ...{ answer: { status: 200, description: "now", content: json("DirectorStatus") }, refusals: [] },
  },
  {
    ...{ method: "get", path: "/v1/connections", id: "connections", summary: "entries of the connection table" },
    parameters: ["Limit"],
    answer: {
      ...{ status: 200, description: "in no promised order; as lines where Accept names those: one row each" },
      content: [...json("ConnectionList"), ["application/x-ndjson", "ConnectionRow"]],
    },
    refusals: ["BadRequest"],
  },
  {
    ...{ method: "get", path: "/v1/checks", id: "checks", summary: "health checks, with their last exchanges" },
    ...{ answer: { status: 200, description: "in no promised order", content: json("CheckList") }, refusals: [] },
  },
  {
    ...{ method: "get", path: "/v1/events", id: "events", summary: "state changes and counters as they come" },
    parameters: ["Counters", "LastEventId"],
    answer: {
      status: 200,
      description:
        "server-sent events: `state` with a StateEvent, `counters` with a CountersEvent, `gap` where some are missing",
      content: [["text/event-stream", "text"]],
    },
    refusals: ["BadRequest"],
  },
  {
    ...{ method: "get", path: "/metrics", id: "metrics", summary: "what is counted, for Prometheus" },
    answer: { status: 200, description: "OpenMetrics 1.0", content: [["application/openmetrics-text", "text"]] },
    refusals: [],
  },
  {
    ...{ method: "get", path: "/v1/configuration", id: "configuration", summary: "the file for what runs" },
    answer: {
      ...{ status: 200, description: "as it was written, or as data", hasTag: true },
      content: [["application/yaml", "text"], ...json("Configuration")],
    },
    refusals: [],
  },
  {
    ...{ method: "put", path: "/v1/configuration", id: "apply", summary: "makes a configuration the one that runs" },
    ...{ parameters: ["IfMatch", "Confirm"], body: file, answer: made },
    refusals: [...edits, "Unconditional"],
  },
  {
    ...{ method: "post", path: "/v1/configuration/confirm", id: "confirm", summary: "keeps the change that waits" },
    ...{ answer: { status: 204, description: "it stays" }, refusals: ["Conflict"] },
  },
  {
    ...{ method: "post", path: "/v1/configuration/rollback", id: "rollback" },
    ...{ summary: "takes the change that waits back, now", answer: made, refusals: ["Conflict"] },
  },
  {
    ...{ method: "post", path: "/v1/plan", id: "plan", summary: "what a configuration would change, and at what cost" },
    body: file,
    answer: { status: 200, description: "nothing is changed", content: json("PlannedChange") },
    refusals: ["BadRequest", "TooLarge", "Refused"],
  },
  {
    ...{ method: "post", path: "/v1/services", id: "addService", summary: "adds a service" },
    ...{ parameters: ["IfMatchOptional"], body: fields("NewService"), answer: made, refusals: edits },
  },
  {
    ...{ method: "get", path: service, id: "service", summary: "a service as it is written", parameters: ["Name"] },
    answer: { status: 200, description: "its keys", content: json("Service"), hasTag: true },
    refusals: ["NotFound"],
  },
  {
    ...{ method: "patch", path: service, id: "editService", summary: "changes keys of a service; null takes one away" },
    ...{ parameters: ["Name", "IfMatch"], body: fields("ServicePatch"), answer: made, refusals: replaces },
  },
  {
    ...{ method: "delete", path: service, id: "removeService", summary: "removes a service: it drains" },
    ...{ parameters: ["Name", "IfMatch"], answer: made, refusals: replaces },
  },
  {
    ...{ method: "post", path: `${service}/servers`, id: "addServer", summary: "adds a server to a service" },
    ...{ parameters: ["Name", "IfMatchOptional"], body: fields("Server"), answer: made },
    refusals: [...edits, "NotFound"],
  },
  {
    ...{ method: "get", path: server, id: "server", summary: "a server as it is written" },
    parameters: ["Name", "Endpoint"],
    answer: { status: 200, description: "its keys", content: json("Server"), hasTag: true },
    refusals: ["NotFound"],
  },
  {
    ...{ method: "patch", path: server, id: "editServer", summary: "changes keys of a server, such as its weight" },
    ...{ parameters: ["Name", "Endpoint", "IfMatch"], body: fields("ServerPatch"), answer: made, refusals: replaces },
  },
  {
    ...{ method: "delete", path: server, id: "removeServer", summary: "removes a server: it drains" },
    ...{ parameters: ["Name", "Endpoint", "IfMatch"], answer: made, refusals: replaces },
  },
  {
    ...{ method: "post", path: "/v1/counters/zero", id: "zeroCounters", parameters: ["Service"] },
    summary: "marks what is counted now, for ipvsadm's listings to begin at zero; counters and metrics go on",
    ...{ answer: { status: 204, description: "it is marked" }, refusals: ["NotFound"] },
  },
  {
    ...{ method: "post", path: "/v1/stop", id: "stop", summary: "ends the director; packets go on without it" },
    ...{ answer: { status: 202, description: "it is ending", content: json("Stopping") }, refusals: [] },
  },
  {
    ...{ method: "get", path: "/openapi.json", id: "openapi", summary: "this document" },
    answer: { status: 200, description: "OpenAPI 3.1", content: [["application/json", "text"]] },
    refusals: [],
  },
];
