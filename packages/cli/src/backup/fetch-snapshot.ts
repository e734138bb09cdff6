import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import {
  BackupError,
  type BackupKey,
  type Chain,
  type ObjectStore,
  openSnapshot,
  type SnapshotHead,
} from "@quorate/backup";

const SUM_BYTES = 32;

/**
 * Writes the database of a stored snapshot, without the sum behind it, to `file`, which is not there. Rejects with a BackupError when
 * it is not what was stored. `onBytes` is told how much there is already.
 */
export async function fetchSnapshot(
  store: ObjectStore,
  snapshot: Chain["snapshots"][number],
  key: BackupKey | undefined,
  file: string,
  onBytes: (done: number, total: number) => void,
): Promise<SnapshotHead> {
  const { head, file: content } = await openSnapshot(store, snapshot, key);
  const hash = createHash("sha256");
  let bytes = 0;
  const handle = await open(file, "wx", 0o600);
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      await handle.writeFile(chunk);
      bytes += chunk.length;
      onBytes(bytes, head.bytes);
    }
    if (bytes !== head.bytes || hash.digest("hex") !== head.sha256)
      throw new BackupError("DAMAGED", `${snapshot.name} has another content than was verified`);
    await handle.truncate(bytes - SUM_BYTES);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return head;
}
