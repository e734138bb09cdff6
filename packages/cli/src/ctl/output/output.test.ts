import assert from "node:assert/strict";
import test from "node:test";
import { RangeResponse } from "@quorate/wire/messages";
import { jsonText, messageJson } from "./json.ts";
import { tableText } from "./table.ts";

test("JSON leaves out what is zero, and keeps 64 bits", () => {
  const kv = { key: Buffer.from("Zm9v", "base64"), createRevision: 2n, modRevision: 0n, version: 1n };
  const value = {
    header: { clusterId: 13304265097013532216n, memberId: 0n, revision: 4n, raftTerm: 2n },
    kvs: [{ ...kv, value: new Uint8Array(0), lease: -1n }],
    more: false,
    count: 1n,
  };
  assert.equal(
    messageJson(RangeResponse, value),
    '{"header":{"cluster_id":13304265097013532216,"revision":4,"raft_term":2},' +
      '"kvs":[{"key":"Zm9v","create_revision":2,"version":1,"lease":-1}],"count":1}',
  );
});

test("JSON text may stand in HTML", () => {
  assert.equal(jsonText('<a>&"\u2028\ud800'), '"\\u003ca\\u003e\\u0026\\"\\u2028\ufffd"');
});

test("a table has its names in the middle and its cells to the right", () => {
  assert.equal(
    tableText(
      ["endpoint", "hash_revision"],
      [
        ["127.0.0.1:2379", "8"],
        ["ü:1", "12"],
      ],
    ),
    [
      "┌────────────────┬───────────────┐",
      "│    ENDPOINT    │ HASH REVISION │",
      "├────────────────┼───────────────┤",
      "│ 127.0.0.1:2379 │             8 │",
      "│            ü:1 │            12 │",
      "└────────────────┴───────────────┘",
      "",
    ].join("\n"),
  );
});
