import { memorySource } from "./byte-source.ts";
import { DatabaseFile } from "./database-file.ts";
import { DatabaseWriter } from "./database-writer.ts";

/** Buckets in ascending order, each with entries in ascending order. */
export type Buckets = readonly (readonly [
  name: string,
  entries: readonly (readonly [Uint8Array, Uint8Array])[],
])[];

/** The bytes of a bbolt file. */
export function buildDatabase(buckets: Buckets, pageBytes?: number): Uint8Array<ArrayBuffer> {
  const pieces: [number, Uint8Array][] = [];
  const writer = new DatabaseWriter(
    { write: (bytes, position) => void pieces.push([position, bytes.slice()]) },
    pageBytes,
  );
  for (const [name, entries] of buckets) {
    writer.beginBucket(name);
    for (const [key, value] of entries) writer.put(key, key.length, value, 0, value.length);
  }
  const file = new Uint8Array(writer.finish());
  for (const [position, bytes] of pieces) file.set(bytes, position);
  return file;
}

export function readBuckets(file: Uint8Array): Buckets {
  const found: [string, [Uint8Array, Uint8Array][]][] = [];
  for (const { name, scan } of new DatabaseFile(memorySource("test.db", file)).buckets()) {
    const entries: [Uint8Array, Uint8Array][] = [];
    while (
      scan.visit(7, (bytes, _view, keyStart, valueStart, end) => {
        entries.push([bytes.slice(keyStart, valueStart), bytes.slice(valueStart, end)]);
      }) === 7
    );
    found.push([name, entries]);
  }
  return found;
}
