import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeInternalRequest, encodePutRequest, InternalField } from "@quorate/wire/hot";
import { NOBODY } from "./caller.ts";
import { callerOfEntry, encodeEntry, requestStart } from "./entry-payload.ts";

const put = encodePutRequest({
  key: Buffer.from("k"),
  value: Buffer.from("v"),
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
});
const entries = [
  {
    name: "a user and the revision of the permissions are in the header, as etcd writes them",
    caller: { ...NOBODY, username: "u", authRevision: 8 },
    want: "22060a016b120176a2060708011201751808",
  },
  { name: "nobody adds nothing to an entry", caller: NOBODY, want: "22060a016b120176a206020801" },
];
for (const { name, caller, want } of entries) {
  test(name, () => {
    const entry = encodeEntry(InternalField.put, put, 1n, caller);
    assert.equal(Buffer.from(entry).toString("hex"), want);
    assert.deepEqual(callerOfEntry(decodeInternalRequest(entry)), caller);
  });
}

test("an entry that names nobody needs no object for its caller", () => {
  for (const entry of ["22060a016b120176a206020801", "080122060a016b120176"]) {
    assert.equal(callerOfEntry(decodeInternalRequest(Buffer.from(entry, "hex"))), NOBODY);
  }
});

test("entries of one user share an object for it until its permissions change", () => {
  const callers = [8, 8, 9, 8].map((authRevision) => {
    const entry = encodeEntry(InternalField.put, put, 1n, { ...NOBODY, username: "u", authRevision });
    return callerOfEntry(decodeInternalRequest(entry));
  });
  assert.equal(callers[0], callers[1]);
  assert.deepEqual(
    callers.map(({ authRevision }) => authRevision),
    [8, 8, 9, 8],
  );
});

test("a user whose permissions have no revision is not taken for nobody", () => {
  const entry = encodeEntry(InternalField.put, put, 1n, { ...NOBODY, username: "u" });
  assert.equal(callerOfEntry(decodeInternalRequest(entry)).username, "u");
});

test("the request is found in an entry, whatever its field and length", () => {
  for (const field of [InternalField.put, InternalField.downgradeInfoSet]) {
    for (const length of [0, 127, 128, 16_383, 16_384, 2_097_152]) {
      const request = new Uint8Array(length).fill(7);
      const entry = encodeEntry(field, request, 3n, { ...NOBODY, username: "u", authRevision: 8 });
      const start = requestStart(entry, field, length);
      assert.equal(Buffer.compare(entry.subarray(start, start + length), request), 0);
      assert.equal(Buffer.compare(decodeInternalRequest(entry).body, request), 0);
    }
  }
});
