import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Database } from "@quorate/bbolt";
import { BUCKET_NAMES } from "@quorate/storage/backend/bucket-names";
import { encodeKeyValue, encodeTombstone } from "@quorate/wire/hot";
import { Output } from "../command-line/output.ts";
import { StandardInput } from "../command-line/stdin.ts";
import { encodeRevisionKey, encodeUint64 } from "./database/buckets.ts";
import { executeEtcdutl, type ProgramName } from "./program.ts";

/** What a command line of etcdutl comes to. Rejects when the program would end with a stack trace. */
export function etcdutl(...words: readonly string[]) {
  return resultOf(words, "etcdutl");
}

/** As `etcdutl`, of `quorate utl`. */
export function quorateUtl(...words: readonly string[]) {
  return resultOf(words, "quorate utl");
}

/** As `quorateUtl`, with all that somebody types. */
export function quorateUtlTyping(typed: string, ...words: readonly string[]) {
  return resultOf(words, "quorate utl", typed);
}

async function resultOf(words: readonly string[], name: ProgramName, typed = "") {
  const written = { 1: "", 2: "" };
  const output = new Output((descriptor, bytes) => {
    written[descriptor] += bytes.toString();
  });
  async function* input() {
    if (typed !== "") yield Buffer.from(typed);
  }
  const surroundings = { environment: {}, input: new StandardInput(input), output };
  const code = await executeEtcdutl(words, surroundings, name);
  return { code, stdout: written[1], stderr: written[2] };
}

/** A new directory, which is removed when `t` ends. */
export function scratchDirectory(t: { after(clean: () => void): void }): string {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-utl-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A put of a key, or what deletes it, in the revision that comes next. */
export type Change = { readonly put: string; readonly value?: string } | { readonly delete: string };

export interface DatabaseContent {
  readonly changes?: readonly Change[];
  readonly storageVersion?: string;
  /** Whether keys that are put again are new versions of what they were. */
  readonly versions?: boolean;
  /** Entries of other buckets. */
  readonly entries?: readonly (readonly [bucket: string, key: Uint8Array, value: Uint8Array])[];
}

/** Makes a database as etcd has them, at index 9 of term 3. The first change has revision 2. */
export async function makeDatabase(file: string, content: DatabaseContent): Promise<void> {
  const { changes = [], storageVersion = "3.7.0", entries = [], versions = false } = content;
  await using database = await Database.open(file);
  using tx = database.beginWrite();
  for (const name of BUCKET_NAMES) tx.createBucket(name);
  const meta = tx.bucket("meta")!;
  meta.put(Buffer.from("consistent_index"), encodeUint64(9n));
  meta.put(Buffer.from("term"), encodeUint64(3n));
  if (storageVersion !== "") meta.put(Buffer.from("storageVersion"), Buffer.from(storageVersion));
  const born = new Map<string, { createRevision: number; version: number }>();
  for (const [i, change] of changes.entries())
    tx.bucket("key")!.put(...record(i + 2, change, versions ? born : new Map()));
  for (const [bucket, key, value] of entries) tx.bucket(bucket)!.put(key, value);
  await tx.commit();
}

function record(
  revision: number,
  change: Change,
  born: Map<string, { createRevision: number; version: number }>,
): [key: Uint8Array, value: Uint8Array] {
  const key = encodeRevisionKey(BigInt(revision), 0n);
  const text = "put" in change ? change.put : change.delete;
  const { createRevision, version } = born.get(text) ?? { createRevision: revision, version: 1 };
  if ("delete" in change) born.delete(text);
  else born.set(text, { createRevision, version: version + 1 });
  if ("delete" in change) return [Buffer.concat([key, Buffer.from("t")]), encodeTombstone(Buffer.from(text))];
  const value = Buffer.from(change.value ?? "");
  return [key, encodeKeyValue(Buffer.from(text), createRevision, revision, version, value, 0n)];
}

/** Makes a snapshot file: the database with its sum behind it. */
export async function makeSnapshot(file: string, content: DatabaseContent): Promise<void> {
  await makeDatabase(file, content);
  await using database = await Database.open(file, { readOnly: true });
  const bytes = readFileSync(file).subarray(0, database.sizeBytes);
  writeFileSync(file, Buffer.concat([bytes, createHash("sha256").update(bytes).digest()]));
}
