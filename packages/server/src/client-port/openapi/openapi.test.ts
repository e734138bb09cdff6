import assert from "node:assert/strict";
import test from "node:test";
import { METHODS, OWN_METHODS } from "@quorate/wire";
import { Validator } from "@seriousme/openapi-schema-validator";
import { startKeys } from "../keys/keys.testing.ts";
import { openApiDocument } from "./document.ts";

type Document = {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Properties>> };
};
type Properties = { readonly properties?: Readonly<Record<string, unknown>> };

const documentOf = (...methods: Parameters<typeof openApiDocument>[0][number][]) =>
  openApiDocument(methods, "1") as unknown as Document;

test("the document is what the specification asks for, with every path there is, and every reference leads somewhere", async (t) => {
  const { ask } = await startKeys(t);
  const { status, headers, text } = await ask("GET", "/openapi.json");
  assert.deepEqual([status, headers["content-type"]], [200, "application/json"]);
  const document = JSON.parse(text) as Document;
  const { valid, errors } = await new Validator().validate(JSON.parse(text));
  assert.equal(valid, true, JSON.stringify(errors));
  const routes = [...METHODS.values()].flatMap(({ httpPaths }) => httpPaths);
  assert.ok(routes.length > 40);
  assert.deepEqual(Object.keys(document.paths).toSorted(), ["/kv/{key}", ...routes].toSorted());
  const names = new Set(Object.keys(document.components.schemas));
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    assert.ok(names.has(name!), name);
  const operations = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id);
  assert.equal(new Set(operations).size, operations.length);
  const head = await ask("HEAD", "/openapi.json");
  assert.deepEqual([head.status, head.text], [200, ""]);
  assert.equal((await ask("POST", "/openapi.json")).status, 405);
});

test("a document that is none is found to be none", async () => {
  const { paths: _, ...rest } = documentOf(...METHODS.values());
  assert.equal((await new Validator().validate(structuredClone({ ...rest, components: [] }))).valid, false);
});

test("what the member offers besides is in it as far as it is offered", async (t) => {
  const { ask } = await startKeys(t, "--access-questions");
  const { paths } = JSON.parse((await ask("GET", "/openapi.json")).text) as Document;
  const own = [...OWN_METHODS.values()].flatMap(({ httpPaths }) => httpPaths);
  assert.ok(own.length > 0);
  for (const path of own) assert.ok(path in paths, path);
});

test("a message's fields are as they are told: long integers and octets as text, enums by name, lists, messages", () => {
  const { schemas } = documentOf(METHODS.get("/etcdserverpb.KV/Range")!).components;
  const {
    key,
    limit,
    sort_order: order,
    keys_only: flag,
  } = schemas["etcdserverpb.RangeRequest"]!.properties!;
  assert.deepEqual(
    [key, limit, order, flag],
    [
      { type: "string", contentEncoding: "base64" },
      { type: ["string", "integer"], format: "int64" },
      { anyOf: [{ type: "string", enum: ["NONE", "ASCEND", "DESCEND"] }, { type: "integer" }] },
      { type: "boolean" },
    ],
  );
  assert.deepEqual(schemas["etcdserverpb.RangeResponse"]!.properties!.kvs, {
    type: "array",
    items: { $ref: "#/components/schemas/mvccpb.KeyValue" },
  });
});

test("the answers of a member are as the document says", async (t) => {
  const { ask, call } = await startKeys(t);
  const { components } = JSON.parse((await ask("GET", "/openapi.json")).text) as Document;
  const propertiesOf = (name: string) => Object.keys(components.schemas[name]!.properties!);
  await ask("PUT", "/kv/a", { body: "x" });
  const told: [schema: string, answer: object][] = [
    ["Key", JSON.parse((await ask("GET", "/kv/a", { headers: { Accept: "application/json" } })).text)],
    ["Change", JSON.parse((await ask("PUT", "/kv/a?prev", { body: "x" })).text)],
    ["Problem", JSON.parse((await ask("GET", "/kv/b")).text)],
    ["etcdserverpb.RangeResponse", await call("kv/range", { key: "YQ==" })],
    ["etcdserverpb.StatusResponse", await call("maintenance/status", {})],
    ["etcdserverpb.MemberListResponse", await call("cluster/member/list", {})],
  ];
  for (const [schema, answer] of told) {
    assert.ok(Object.keys(answer).length > 0, schema);
    for (const name of Object.keys(answer))
      assert.ok(propertiesOf(schema).includes(name), `${schema}: ${name}`);
  }
});
