import assert from "node:assert/strict";
import { test } from "node:test";
import { headerField } from "../hpack/field.ts";
import { toMetadata, valuesOf } from "./metadata.ts";

test("the values of a name are collected in order, whatever stands between them", () => {
  const fields = [
    headerField(":status", "200"),
    headerField("a", "1"),
    headerField("b-bin", "eA,eQ"),
    headerField("content-type", "application/grpc"),
    headerField("a", "2"),
    headerField("b-bin", "eg"),
    headerField("grpc-status", "0"),
  ];
  assert.deepEqual(
    [...toMetadata(fields)],
    [
      ["a", ["1", "2"]],
      ["b-bin", ["eA", "eQ", "eg"]],
    ],
  );
  assert.deepEqual(valuesOf(fields, "a"), ["1", "2"]);
});

test("a binary header may hold as many values as a header list has room for", () => {
  const field = headerField("a-bin", ",".repeat(1_000_000));
  assert.equal(valuesOf([field], "a-bin").length, 1_000_001);
  assert.equal(toMetadata([field]).get("a-bin")?.length, 1_000_001);
});

test("collecting looks at each field a bounded number of times", () => {
  let looks = 0;
  const fields = Array.from({ length: 20_000 }, (_, i) => {
    const field = headerField(`name-${i}`, "v");
    return new Proxy(field, {
      get: (target, property) => {
        looks++;
        return Reflect.get(target, property);
      },
    });
  });
  assert.equal(toMetadata(fields).size, 20_000);
  assert.ok(looks <= 20_000 * 10, `${looks}`);
});
