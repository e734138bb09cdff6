import type { RecordSink } from "@quorate/storage/seams/backend";

/** Takes the records of a range, encoded `mvccpb.KeyValue`s, in their order. */
export interface RangeSink extends RecordSink {
  /** Bytes of the records so far. */
  readonly size: number;
  /** Forgets all records: the range begins anew. */
  clear(): void;
}
