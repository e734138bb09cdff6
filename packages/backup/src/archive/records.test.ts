import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { put } from "../testing.ts";
import { type ArchiveRecord, decodeRecords, encodeRecord } from "./records.ts";

const RECORDS: readonly ArchiveRecord[] = [
  { kind: "head", version: 1, cluster: "c", chain: "d", after: 7 },
  { kind: "changes", timeMs: 1_700_000_000_000, term: 3n, events: [put(8, "x"), put(8), put(9)] },
  { kind: "lease", id: -5n, ttlSeconds: 60n, revision: 9 },
  { kind: "lease-end", id: 2n ** 62n, revision: 9 },
  { kind: "reached", timeMs: 1_700_000_000_001, revision: 9 },
];

async function decoded(bytes: Uint8Array): Promise<ArchiveRecord[]> {
  async function* once() {
    yield bytes;
  }
  return Array.fromAsync(decodeRecords("it", once()));
}

test("records come back as they were", async () => {
  const found = await decoded(Buffer.concat(RECORDS.map(encodeRecord)));
  assert.deepEqual(found.map(encodeRecord).map(String), RECORDS.map(encodeRecord).map(String));
  assert.deepEqual(
    found.map((record) => ({ ...record, events: undefined })),
    RECORDS.map((record) => ({ ...record, events: undefined })),
  );
});

testWithSeed("bytes that are no records are an error, and nothing else", async (seed) => {
  const random = new SeededRandom(seed);
  const bytes = Buffer.concat(RECORDS.map(encodeRecord));
  for (let i = 0; i < 300; i++) {
    const cut = await decoded(bytes.subarray(0, random.below(bytes.length))).catch((error) => error.code);
    assert.ok(cut === "DAMAGED" || Array.isArray(cut));
    const noise = Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)));
    const found = await decoded(noise).catch((error) => error.code);
    assert.ok(found === "DAMAGED" || Array.isArray(found), `${found}`);
  }
});
