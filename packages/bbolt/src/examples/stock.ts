import { Database, type DatabaseOptions } from "../index.ts";

/** Counts what is in stock, in one bucket of a file, and keeps what was the case before each change in another. */
export async function keepStock(file: string, options: DatabaseOptions = {}): Promise<string[]> {
  await using database = await Database.open(file, options);

  for (const [item, count] of [
    ["apples", 12],
    ["pears", 7],
    ["apples", 9],
  ] as const) {
    const tx = database.beginWrite();
    const stock = tx.createBucketIfAbsent("stock");
    const history = tx.createBucketIfAbsent("history");
    const key = Buffer.from(item);
    const before = stock.get(key);
    if (before !== undefined) history.put(numbered(history.nextSequence()), before);
    stock.put(key, Buffer.from(`${item}: ${count}`));
    await tx.commit();
  }

  using tx = database.beginRead();
  const lines: string[] = [];
  for (const name of ["stock", "history"]) {
    const cursor = tx.bucket(name)!.cursor();
    while (cursor.next()) lines.push(`${name} ${Buffer.from(cursor.value!).toString()}`);
  }
  return lines;
}

/** Keys that are in the order of the numbers. */
function numbered(number: bigint): Uint8Array {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(number);
  return key;
}
