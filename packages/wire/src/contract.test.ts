import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { suite, test } from "node:test";
import {
  createRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  ScalarType,
} from "@bufbuild/protobuf";
import { file_authpb } from "./gen/authpb_pb.js";
import { file_etcdserverpb } from "./gen/etcdserverpb_pb.js";
import { file_leasepb } from "./gen/leasepb_pb.js";
import { file_membershippb } from "./gen/membershippb_pb.js";
import { file_mvccpb } from "./gen/mvccpb_pb.js";
import { file_raftpb } from "./gen/raftpb_pb.js";
import { file_snappb } from "./gen/snappb_pb.js";
import { file_v3electionpb } from "./gen/v3electionpb_pb.js";
import { file_v3lockpb } from "./gen/v3lockpb_pb.js";
import { file_walpb } from "./gen/walpb_pb.js";
import { METHODS } from "./methods.ts";

interface ContractField {
  number: number;
  type: string;
  repeated?: boolean;
  oneof?: string;
}
interface ContractMethod {
  request: string;
  response: string;
  clientStreaming: boolean;
  serverStreaming: boolean;
  http: { post?: string; additional_bindings?: { post: string } };
}
interface Definition {
  message?: { fields: Record<string, ContractField> };
  enum?: Record<string, number>;
  service?: Record<string, ContractMethod>;
}

const contractPath = path.resolve(import.meta.dirname, "../../../../shared/wire/etcd-v3.7.json");
const skip = existsSync(contractPath) ? false : `no contract at ${contractPath}`;
const contract: Record<string, Definition> =
  skip === false ? JSON.parse(readFileSync(contractPath, "utf8")) : {};

const registry = createRegistry(
  ...[file_authpb, file_etcdserverpb, file_leasepb, file_membershippb, file_mvccpb, file_raftpb, file_snappb],
  ...[file_v3electionpb, file_v3lockpb, file_walpb],
);
const PROTO2 = /^(raftpb|walpb|snappb)\./;

function typeOf(field: DescField): string {
  switch (field.fieldKind) {
    case "message":
      return field.message.typeName;
    case "enum":
      return field.enum.typeName;
    case "scalar":
      return ScalarType[field.scalar].toLowerCase();
    case "list":
      if (field.listKind === "message") return field.message.typeName;
      if (field.listKind === "enum") return field.enum.typeName;
      return ScalarType[field.scalar].toLowerCase();
    case "map":
      return "map";
  }
}

function checkMessage(desc: DescMessage, fields: Record<string, ContractField>): void {
  assert.deepEqual(desc.fields.map((field) => field.name).sort(), Object.keys(fields).sort());
  for (const field of desc.fields) {
    const want = fields[field.name]!;
    const name = `${desc.typeName}.${field.name}`;
    assert.equal(field.number, want.number, name);
    assert.equal(typeOf(field), want.type, name);
    assert.equal(field.fieldKind === "list", want.repeated ?? false, name);
    assert.equal(field.oneof?.name, want.oneof, name);
    if (PROTO2.test(desc.typeName)) {
      if (field.fieldKind === "list") assert.equal(field.packed, false, `${name} is not packed`);
      else assert.equal(field.presence, 1, `${name} has explicit presence`);
    } else if (field.fieldKind === "list" && field.listKind === "enum") {
      assert.equal(field.packed, true, `${name} is packed`);
    }
  }
}

suite("the generated messages are the contract", { skip }, () => {
  for (const [name, { message, enum: values, service }] of Object.entries(contract)) {
    if (message) {
      test(`message ${name}`, () => {
        const desc = registry.getMessage(name);
        assert.ok(desc, "exists");
        checkMessage(desc, message.fields);
      });
    } else if (values) {
      test(`enum ${name}`, () => {
        const desc: DescEnum | undefined = registry.getEnum(name);
        assert.ok(desc, "exists");
        assert.deepEqual(Object.fromEntries(desc.values.map((value) => [value.name, value.number])), values);
      });
    } else if (service) {
      for (const [methodName, want] of Object.entries(service)) {
        test(`method ${name}/${methodName}`, () => {
          const method = METHODS.get(`/${name}/${methodName}`);
          assert.ok(method, "exists");
          assert.equal(method.request.typeName, want.request);
          assert.equal(method.response.typeName, want.response);
          assert.equal(method.clientStreaming, want.clientStreaming);
          assert.equal(method.serverStreaming, want.serverStreaming);
          const paths = [want.http.post, want.http.additional_bindings?.post].filter((p) => p !== undefined);
          assert.deepEqual(method.httpPaths, paths);
        });
      }
    }
  }

  test("there is nothing that the contract does not have, but the health service", () => {
    const methods = [...METHODS.keys()].filter((method) => !method.startsWith("/grpc.health.v1."));
    const wanted = Object.entries(contract).flatMap(([name, { service }]) =>
      Object.keys(service ?? {}).map((method) => `/${name}/${method}`),
    );
    assert.deepEqual(methods.sort(), wanted.sort());
    for (const type of registry) {
      if (type.kind !== "extension") assert.ok(type.typeName in contract, type.typeName);
    }
  });
});

test("the health service is gRPC's own", () => {
  assert.equal(METHODS.get("/grpc.health.v1.Health/Check")?.serverStreaming, false);
  assert.equal(METHODS.get("/grpc.health.v1.Health/List")?.clientStreaming, false);
  assert.equal(METHODS.get("/grpc.health.v1.Health/Watch")?.serverStreaming, true);
});
