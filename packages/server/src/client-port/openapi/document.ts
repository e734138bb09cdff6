import type { Method } from "@quorate/wire";
import { MAX_PAGE_KEYS, PARAMETERS, PARAMETERS_OF, type ParameterName } from "../keys/parameters.ts";
import { MessageSchemas, type Schema } from "./message-schemas.ts";

const JSON_MEDIA = "application/json";

/** The OpenAPI 3.1 document of what a member answers for in JSON: `methods` at their paths, and keys. */
export function openApiDocument(methods: readonly Method[], version: string): Schema {
  const messages = new MessageSchemas();
  const paths: Record<string, Schema> = { "/kv/{key}": KEYS };
  for (const method of methods)
    for (const [i, path] of method.httpPaths.entries())
      paths[path] = { post: operationOf(method, i, messages) };
  return {
    openapi: "3.1.0",
    info: {
      title: "Quorate",
      version,
      description: "etcd's API as JSON under /v3/, and keys by themselves under /kv/.",
      license: { name: "Apache 2.0", identifier: "Apache-2.0" },
    },
    paths,
    components: {
      schemas: { ...messages.byName, ...OWN_SCHEMAS },
      securitySchemes: {
        basic: { type: "http", scheme: "basic", description: "For keys only." },
        token: { type: "http", scheme: "bearer" },
      },
    },
    security: [{}, { token: [] }, { basic: [] }],
  };
}

function operationOf(method: Method, index: number, messages: MessageSchemas): Schema {
  const response = messages.of(method.response);
  // A stream is a line for each message.
  const line = { type: "object", properties: { result: response, error: refTo("Status") } };
  return {
    // A method may have a second path.
    operationId: `${method.service}.${method.name}${index === 0 ? "" : `.${index + 1}`}`,
    tags: [method.service],
    requestBody: { content: { [JSON_MEDIA]: { schema: messages.of(method.request) } } },
    responses: {
      "200": {
        description: method.serverStreaming ? "Messages, one a line." : "The answer.",
        content: { [JSON_MEDIA]: { schema: method.serverStreaming ? line : response } },
      },
      default: {
        description: "A failure, with gRPC's code.",
        content: { [JSON_MEDIA]: { schema: { anyOf: [refTo("Status"), line] } } },
      },
    },
  };
}

function refTo(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

const KEY_PROPERTIES = {
  key: { type: "string" },
  key_base64: { type: "string", contentEncoding: "base64" },
  value: { type: "string" },
  value_base64: { type: "string", contentEncoding: "base64" },
  create_revision: { type: "integer" },
  mod_revision: { type: "integer" },
  version: { type: "integer" },
  lease: { type: "string" },
};

const OWN_SCHEMAS: Readonly<Record<string, Schema>> = {
  Status: {
    type: "object",
    properties: { code: { type: "integer" }, message: { type: "string" } },
  },
  Problem: {
    type: "object",
    required: ["error", "code", "message"],
    properties: { error: { type: "string" }, code: { type: "integer" }, message: { type: "string" } },
  },
  Key: {
    type: "object",
    required: ["create_revision", "mod_revision", "version"],
    properties: KEY_PROPERTIES,
  },
  Change: {
    type: "object",
    required: ["revision"],
    properties: { revision: { type: "integer" }, deleted: { type: "integer" }, prev: refTo("Key") },
  },
};

const PARAMETER_SCHEMAS: Readonly<Record<string, Schema>> = {
  flag: { type: "boolean" },
  revision: { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
  count: { type: "integer", minimum: 1, maximum: MAX_PAGE_KEYS },
  lease: { type: "string", pattern: "^[0-9]{1,19}$" },
  text: { type: "string" },
};

function queryOf(...actions: string[]): Schema[] {
  const names = new Set<ParameterName>(actions.flatMap((action) => PARAMETERS_OF[action] ?? []));
  return [...names].map((name) => {
    const { kind, what } = PARAMETERS[name];
    const schema = PARAMETER_SCHEMAS[kind];
    return { name, in: "query", description: what, allowEmptyValue: kind === "flag", schema };
  });
}

function header(name: string, description: string): Schema {
  return { name, in: "header", description, schema: { type: "string" } };
}

const IF_MATCH = header(
  "If-Match",
  "Only if the key is at this revision, in double quotes, or with * if there is one.",
);
const IF_NONE_MATCH = header(
  "If-None-Match",
  "Only if it is not at this revision, or with * if there is none.",
);
const PROBLEM = {
  description: "A failure, with gRPC's code.",
  content: { [JSON_MEDIA]: { schema: refTo("Problem") } },
};
const CHANGED = {
  description: "It is changed.",
  content: { [JSON_MEDIA]: { schema: refTo("Change") } },
};

const KEYS: Schema = {
  parameters: [
    {
      name: "key",
      in: "path",
      required: true,
      description: "All of the rest of the path, decoded to octets; slashes are part of it.",
      schema: { type: "string" },
    },
  ],
  get: {
    operationId: "keys.get",
    tags: ["keys"],
    parameters: [
      ...queryOf("get", "list", "watch"),
      header("If-None-Match", "Revisions in double quotes that are known."),
      header("Last-Event-ID", "Of a watch: the id of the last event that came."),
    ],
    responses: {
      "200": {
        description: "The value; or with application/json accepted what is known of the key; a list; events.",
        content: {
          "text/plain": { schema: { type: "string" } },
          "application/octet-stream": {},
          // The value itself may be any JSON.
          [JSON_MEDIA]: {},
          "application/x-ndjson": { schema: { type: "string" } },
          "text/event-stream": { schema: { type: "string" } },
        },
      },
      "304": { description: "The revision is known." },
      default: PROBLEM,
    },
  },
  put: {
    operationId: "keys.put",
    tags: ["keys"],
    parameters: [...queryOf("put"), IF_MATCH, IF_NONE_MATCH],
    requestBody: { content: { "application/octet-stream": {} } },
    responses: { "200": CHANGED, default: PROBLEM },
  },
  delete: {
    operationId: "keys.delete",
    tags: ["keys"],
    parameters: [...queryOf("delete", "deletePrefix"), IF_MATCH, IF_NONE_MATCH],
    responses: { "200": CHANGED, default: PROBLEM },
  },
};
