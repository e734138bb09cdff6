import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { Database } from "@quorate/bbolt";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import { loadNewestSnapFile } from "@quorate/storage/snap/snap-directory";
import { readWal } from "@quorate/storage/wal/recovery";
import { findStart } from "@quorate/storage/wal/snapshot-records";

/** What programs find in a data directory, in a form that can be compared: of logs what they say, of databases what is in them. */
export async function directoryContent(directory: string): Promise<Record<string, unknown>> {
  const content: Record<string, unknown> = {};
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(directory, file);
    if (entry.isDirectory()) {
      content[name] = "a directory";
      if (readdirSync(file).some((each) => each.endsWith(".wal")))
        content[`${name}, read`] = await logContent(file);
    } else if (entry.name === "db") content[name] = await databaseContent(file);
    else if (entry.name.endsWith(".snap")) {
      const { content: snap } = await loadNewestSnapFile(new RealDisk(), entry.parentPath);
      content[name] = { ...snap, data: valuesIn(JSON.parse(Buffer.from(snap.data).toString()).Root) };
    } else if (entry.name.endsWith(".wal")) content[name] = statSync(file).mode & 0o777;
    else if (!entry.name.endsWith(".tmp")) content[name] = "a file";
  }
  return content;
}

interface V2Node {
  readonly Path: string;
  readonly Value: string;
  readonly Children: Readonly<Record<string, V2Node>> | null;
}

/** What the old store has, by path; what else it says is of the process that wrote it. */
function valuesIn({ Path, Value, Children }: V2Node): Record<string, string> {
  if (Children === null) return { [Path]: Value };
  return Object.assign({}, ...Object.values(Children).map(valuesIn));
}

async function logContent(directory: string): Promise<unknown> {
  const disk = new RealDisk();
  const { snapshot } = await findStart(disk, directory);
  const { content } = await readWal(disk, directory, snapshot);
  const { metadata, hardState, entries } = content;
  const isWhole = readdirSync(directory).some((name) => name.startsWith("0000000000000000-"));
  const whole = isWhole ? (await readWal(disk, directory, { index: 0, term: 0 })).content.entries : entries;
  const shown = whole.map((entry) => ({ ...entry, data: Buffer.from(entry.data).toString("latin1") }));
  return { snapshot, metadata, hardState, torn: content.torn?.message, entries: shown };
}

async function databaseContent(file: string): Promise<Record<string, [key: string, value: string][]>> {
  await using database = await Database.open(file, { readOnly: true });
  const { faults } = await database.check();
  if (faults.length > 0) throw faults[0]!;
  using tx = database.beginRead();
  const content: Record<string, [string, string][]> = {};
  for (const buckets = tx.cursor(); buckets.next(); ) {
    const name = Buffer.from(buckets.key).toString();
    const entries: [string, string][] = [];
    for (const cursor = tx.bucket(name)!.cursor(); cursor.next(); )
      entries.push([
        Buffer.from(cursor.key).toString("latin1"),
        Buffer.from(cursor.value!).toString("latin1"),
      ]);
    content[name] = entries;
  }
  return content;
}
