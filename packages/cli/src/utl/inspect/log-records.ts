import {
  type ConfChange,
  ConfChangeType,
  confChangeOf,
  type Entry,
  EntryType,
  isConfChangeV2,
  RaftError,
} from "@quorate/raft";
import { formatId } from "@quorate/server/offline";
import type { Disk } from "@quorate/storage/seams/disk";
import { WalError } from "@quorate/storage/wal/errors";
import {
  decodeHardState,
  decodeMetadata,
  decodeSnapshot,
  entryOf,
  malformedRecord,
  readEntry,
} from "@quorate/storage/wal/messages";
import { listSegments } from "@quorate/storage/wal/recovery";
import { type RecordView, readSegment } from "@quorate/storage/wal/segment-reader";
import { RecordType } from "@quorate/storage/wal/types";
import { newEntryView, WireError } from "@quorate/wire/hot";
import { quote } from "../../go-text/quote.ts";
import { requestText } from "./request-text.ts";

/** A record of a log, as it stands there. */
export interface LogRecord {
  readonly segment: string;
  /** Where it begins in its segment, in bytes. */
  readonly offset: number;
  readonly kind: string;
  /** Of an entry; 0 of other records. */
  readonly index: number;
  readonly text: string;
}

/**
 * Hands over all records of a log in their order, those that a later one has replaced included. Resolves to how the log
 * ends when its last write was torn, else to undefined. Throws WalError at what is damaged, behind what comes before it, and
 * DiskError.
 */
export async function visitRecords(
  disk: Disk,
  directory: string,
  visit: (record: LogRecord) => void,
): Promise<string | undefined> {
  const segments = await listSegments(disk, directory);
  if (segments.length === 0) throw new WalError("FILE_NOT_FOUND", "wal: file not found", { file: directory });
  let crc = 0;
  for (const { name } of segments) {
    const path = `${directory}/${name}`;
    const file = await disk.open(path, "read");
    try {
      const { crc: behind, torn } = await readSegment(file, {
        crc,
        isLast: name === segments.at(-1)!.name,
        keepsViews: false,
        onRecord(record) {
          visit({ segment: name, offset: record.offset, ...contentOf(record, path) });
        },
      });
      crc = behind;
      if (torn !== undefined) return torn.message;
    } finally {
      await file.close();
    }
  }
  return undefined;
}

const view = newEntryView();

function contentOf(record: RecordView, path: string): Pick<LogRecord, "kind" | "index" | "text"> {
  const { type, bytes, dataStart, dataEnd, offset } = record;
  try {
    switch (type) {
      case RecordType.metadata: {
        const { nodeId, clusterId } = decodeMetadata(bytes.subarray(dataStart, dataEnd));
        return other("metadata", `member ${formatId(nodeId)} of cluster ${formatId(clusterId)}`);
      }
      case RecordType.entry: {
        readEntry(bytes, dataStart, dataEnd, view);
        const entry = entryOf(view, bytes);
        return { kind: "entry", index: entry.index, text: `term ${entry.term}  ${entryText(entry)}` };
      }
      case RecordType.state: {
        const { term, vote, commit } = decodeHardState(bytes, dataStart, dataEnd);
        const voted = vote === 0n ? "for nobody" : `for ${formatId(vote)}`;
        return other("state", `term ${term}, voted ${voted}, committed to ${commit}`);
      }
      case RecordType.crc:
        return other("crc", record.crc.toString(16).padStart(8, "0"));
      case RecordType.snapshot: {
        const { index, term } = decodeSnapshot(bytes, dataStart, dataEnd);
        return other("snapshot", `at entry ${index} of term ${term}`);
      }
      default:
        return other(`type ${type}`, `${dataEnd - dataStart} bytes`);
    }
  } catch (error) {
    throw malformedRecord(error, { file: path, offset });
  }
}

function other(kind: string, text: string): Pick<LogRecord, "kind" | "index" | "text"> {
  return { kind, index: 0, text };
}

/** A log is sound also where an entry in it says what nobody understands. */
function entryText(entry: Entry): string {
  try {
    if (entry.type === EntryType.EntryNormal) return requestText(entry.data);
    const change = confChangeOf(entry);
    return isConfChangeV2(change)
      ? `${change.changes.length} changes of members at once`
      : changeText(change);
  } catch (error) {
    if (!(error instanceof WireError || error instanceof RaftError)) throw error;
    return `cannot be read: ${error.message}`;
  }
}

const CHANGES: ReadonlyMap<number, string> = new Map([
  [ConfChangeType.ConfChangeAddNode, "add member"],
  [ConfChangeType.ConfChangeAddLearnerNode, "add learner"],
  [ConfChangeType.ConfChangeUpdateNode, "update member"],
  [ConfChangeType.ConfChangeRemoveNode, "remove member"],
]);

function changeText({ type, nodeId, context }: ConfChange): string {
  const what = CHANGES.get(type) ?? `change ${type} of member`;
  const more = context === undefined || context.length === 0 ? "" : ` ${quote(context)}`;
  return `${what} ${formatId(nodeId)}${more}`;
}
