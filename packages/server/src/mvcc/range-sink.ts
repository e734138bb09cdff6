import type { RecordSink, Revision } from "@quorate/storage/seams/backend";

/** Takes the records of a range, encoded `mvccpb.KeyValue`s, in their order. */
export interface RangeSink extends RecordSink {
  /** Bytes of the records so far. */
  readonly size: number;
  /** Forgets all records: the range begins anew. */
  clear(): void;
  /** The range begins, at this revision, which may be another one each time. */
  readsAt?(revision: Revision): void;
}
