import type { Disk } from "../seams/disk.ts";
import { WalError } from "./errors.ts";
import { decodeHardState, decodeSnapshot } from "./messages.ts";
import { FieldReader, MalformedMessage } from "./protobuf.ts";
import { listSegments } from "./recovery.ts";
import { type RecordView, readSegment } from "./segment-reader.ts";
import { RecordType, type WalSnapshot } from "./types.ts";

/**
 * The last snapshot record of a log that its commit covers: where a restart begins. (A crash between a snapshot
 * record and the state record that covers it leaves one that must not be used.) undefined of a log without any.
 *
 * Reads backwards, segment by segment, and stops at the first segment that has one; a torn end is as good as no
 * record. Throws `WalError`.
 */
export async function lastValidSnapshot(disk: Disk, directory: string): Promise<WalSnapshot | undefined> {
  const segments = await listSegments(disk, directory);
  if (segments.length === 0) throw new WalError("FILE_NOT_FOUND", "wal: file not found", { file: directory });
  let commit: number | undefined;
  for (const segment of segments.toReversed()) {
    const scan = new SnapshotScan();
    // The running CRC of the segments before is not known, and each begins with a record of it.
    await scan.read(disk, `${directory}/${segment.name}`, 0, segment === segments.at(-1));
    commit ??= scan.commit;
    const limit = commit ?? 0;
    const last = scan.snapshots.findLast((snapshot) => snapshot.index <= limit);
    if (last !== undefined) return last;
  }
  return undefined;
}

/** All snapshot records of a log that its commit covers, in order of appearance. Reads the whole log. */
export async function validSnapshots(disk: Disk, directory: string): Promise<WalSnapshot[]> {
  const all = await listSegments(disk, directory);
  if (all.length === 0) throw new WalError("FILE_NOT_FOUND", "wal: file not found", { file: directory });
  const scan = new SnapshotScan();
  let crc = 0;
  for (const segment of all)
    crc = await scan.read(disk, `${directory}/${segment.name}`, crc, segment === all.at(-1));
  const commit = scan.commit ?? 0;
  return scan.snapshots.filter((snapshot) => snapshot.index <= commit);
}

class SnapshotScan {
  readonly snapshots: WalSnapshot[] = [];
  /** Of the last state record. */
  commit: number | undefined;
  readonly #fields = new FieldReader();

  async read(disk: Disk, path: string, crc: number, isLast: boolean): Promise<number> {
    const file = await disk.open(path, "read");
    try {
      const end = await readSegment(file, {
        crc,
        isLast,
        keepsViews: false,
        onRecord: (record) => this.#onRecord(record, path),
      });
      return end.crc;
    } finally {
      await file.close();
    }
  }

  #onRecord(record: RecordView, path: string): void {
    const { type, bytes, dataStart, dataEnd } = record;
    if (type !== RecordType.snapshot && type !== RecordType.state) return;
    const fields = this.#fields.reset(bytes, dataStart, dataEnd);
    try {
      if (type === RecordType.state) this.commit = decodeHardState(fields).commit;
      else this.snapshots.push(decodeSnapshot(fields, bytes));
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      const place = { file: path, offset: record.offset };
      throw new WalError("MALFORMED_RECORD", "wal: malformed record", place, error.message);
    }
  }
}
