import { BackupError } from "../errors.ts";
import { ByteReader } from "../sealed/byte-reader.ts";
import type { BackupKey } from "../sealed/key.ts";
import { seal, unseal } from "../sealed/sealed-object.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { SnapshotName } from "./names.ts";

/** What stands before the database in a snapshot's object: the length of its JSON (u32), and that. */
export interface SnapshotHead {
  readonly version: 1;
  /** In hexadecimal. */
  readonly cluster: string;
  readonly chain: string;
  readonly revision: number;
  readonly takenAtMs: number;
  /** Of the file, with the sum at its end. */
  readonly bytes: number;
  readonly sha256: string;
  /** As `utl snapshot status` prints them. */
  readonly hash: number;
  readonly totalKey: number;
  readonly storageVersion: string;
}

const MOST_HEAD_BYTES = 64 * 1024;
const READ_BYTES = 256 * 1024;

export async function putSnapshot(
  store: ObjectStore,
  { name }: SnapshotName,
  head: SnapshotHead,
  file: AsyncIterable<Uint8Array>,
  key: BackupKey | undefined,
): Promise<void> {
  await store.put(name, seal(name, withHead(head, file), key));
}

/** What a snapshot's object says of itself, and the file. Throws BackupError. */
export async function openSnapshot(
  store: ObjectStore,
  snapshot: SnapshotName,
  key: BackupKey | undefined,
): Promise<{ readonly head: SnapshotHead; readonly file: AsyncIterable<Uint8Array> }> {
  const { name } = snapshot;
  const reader = new ByteReader(unseal(name, store.get(name), key));
  try {
    const length = await reader.read(4);
    const headBytes = length.length === 4 ? Buffer.from(length).readUInt32BE() : MOST_HEAD_BYTES + 1;
    const head = headBytes > MOST_HEAD_BYTES ? undefined : headOf(await reader.read(headBytes));
    const isIts =
      head?.cluster === snapshot.cluster &&
      head.chain === snapshot.chain &&
      head.revision === snapshot.revision;
    if (!isIts) throw new BackupError("DAMAGED", `${name} does not say what it is`);
    return { head: head!, file: restOf(reader) };
  } catch (error) {
    await reader.end();
    throw error;
  }
}

async function* withHead(
  head: SnapshotHead,
  file: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  yield Buffer.concat([length, json]);
  yield* file;
}

async function* restOf(reader: ByteReader): AsyncGenerator<Uint8Array, void> {
  try {
    for (;;) {
      const bytes = await reader.read(READ_BYTES);
      if (bytes.length === 0) return;
      yield bytes;
    }
  } finally {
    await reader.end();
  }
}

function headOf(bytes: Uint8Array): SnapshotHead | undefined {
  try {
    const head = JSON.parse(Buffer.from(bytes).toString()) as SnapshotHead;
    return head.version === 1 && typeof head.sha256 === "string" ? head : undefined;
  } catch {
    return undefined;
  }
}
