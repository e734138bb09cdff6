import type { ApiContext } from "../api/context.ts";
import { counter, type Family, gauge, histogram } from "./family.ts";

/** Of the log, the database, the key space and leases. */
export function storageFamilies(context: ApiContext): Family[] {
  return [
    ...diskFamilies(context),
    ...snapFamilies(context),
    ...storeFamilies(context),
    ...leaseFamilies(context),
  ];
}

function diskFamilies({ backend, logCounts, store }: ApiContext): Family[] {
  const { counts } = backend;
  return [
    histogram(
      "etcd_disk_wal_fsync_duration_seconds",
      "Times until what is written to the log is on the disk.",
      () => logCounts.syncSeconds,
    ),
    histogram(
      "etcd_disk_wal_write_duration_seconds",
      "Times to encode what is written to the log.",
      () => logCounts.encodeSeconds,
    ),
    gauge("etcd_disk_wal_write_bytes_total", "Bytes written to the log.", () => logCounts.writtenBytes),
    histogram(
      "etcd_disk_backend_commit_duration_seconds",
      "Times of the database's commits.",
      () => counts.commitSeconds,
    ),
    histogram(
      "etcd_debugging_disk_backend_commit_rebalance_duration_seconds",
      "Of commits: balancing the tree.",
      () => counts.rebalanceSeconds,
    ),
    histogram(
      "etcd_debugging_disk_backend_commit_spill_duration_seconds",
      "Of commits: laying out pages.",
      () => counts.spillSeconds,
    ),
    histogram(
      "etcd_debugging_disk_backend_commit_write_duration_seconds",
      "Of commits: writing pages.",
      () => counts.writeSeconds,
    ),
    histogram(
      "etcd_disk_backend_defrag_duration_seconds",
      "Times of defragmentations.",
      () => counts.defragmentSeconds,
    ),
    gauge("etcd_disk_defrag_inflight", "Whether the database is being defragmented.", () =>
      counts.defragmenting > 0 ? 1 : 0,
    ),
    counter(
      "quorate_backend_scrubbed_pages_total",
      "Pages of the database that were read again and are as they were written.",
      () => counts.scrubbedPages,
    ),
    histogram(
      "etcd_disk_backend_snapshot_duration_seconds",
      "Times to send the database to a client.",
      () => counts.snapshotSeconds,
    ),
    gauge("etcd_mvcc_db_total_size_in_bytes", "Size of the database file.", () => backend.sizeBytes),
    gauge(
      "etcd_mvcc_db_total_size_in_use_in_bytes",
      "The same without free pages.",
      () => backend.sizeInUseBytes,
    ),
    gauge(
      "etcd_mvcc_db_open_read_transactions",
      "Reads of the database that take more than one turn of the event loop.",
      () => store.openReads,
    ),
  ];
}

function snapFamilies({ measures }: ApiContext): Family[] {
  const { snap } = measures;
  return [
    histogram("etcd_snap_fsync_duration_seconds", "Times to sync a .snap file.", () => snap.syncSeconds),
    histogram(
      "etcd_debugging_snap_save_marshalling_duration_seconds",
      "Times to encode a .snap file.",
      () => snap.encodeSeconds,
    ),
    histogram(
      "etcd_debugging_snap_save_total_duration_seconds",
      "Times to save a .snap file.",
      () => snap.saveSeconds,
    ),
    histogram(
      "etcd_snap_db_fsync_duration_seconds",
      "Times to sync a received database.",
      () => snap.databaseSyncSeconds,
    ),
    histogram(
      "etcd_snap_db_save_total_duration_seconds",
      "Times to receive and save a database.",
      () => snap.databaseSaveSeconds,
    ),
  ];
}

function storeFamilies({ store, watches }: ApiContext): Family[] {
  const { counters, durations } = store;
  return [
    counter("etcd_mvcc_range_total", "Ranges read, also in transactions.", () => counters.ranges),
    counter("etcd_mvcc_put_total", "Keys put, also in transactions.", () => counters.puts),
    counter("etcd_mvcc_delete_total", "Keys deleted, also in transactions.", () => counters.deletes),
    counter("etcd_mvcc_txn_total", "Transactions of more than one operation.", () => counters.longTxns),
    histogram("etcd_mvcc_hash_duration_seconds", "Times to hash the database.", () => durations.hashSeconds),
    histogram(
      "etcd_mvcc_hash_rev_duration_seconds",
      "Times to hash the key space at a revision.",
      () => durations.hashKvSeconds,
    ),
    gauge("etcd_debugging_mvcc_keys_total", "Live keys.", () => store.keyCount),
    gauge("etcd_debugging_mvcc_total_put_size_in_bytes", "Bytes of what was put.", () => counters.putBytes),
    gauge("etcd_debugging_mvcc_current_revision", "Current revision.", () => store.currentRevision),
    gauge("etcd_debugging_mvcc_compact_revision", "Compact revision.", () => store.compactRevision),
    gauge("etcd_debugging_mvcc_db_compaction_last", "When a compaction ended last, in Unix time.", () =>
      Math.floor(counters.lastCompactionWallMs / 1_000),
    ),
    counter(
      "etcd_debugging_mvcc_db_compaction_keys_total",
      "Records removed by compactions.",
      () => counters.compactedRecords,
    ),
    histogram(
      "etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds",
      "Of compactions: the index.",
      () => durations.indexCompactionMs,
    ),
    histogram(
      "etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds",
      "Of compactions: each batch of records.",
      () => durations.compactionBatchMs,
    ),
    histogram(
      "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
      "Of compactions: all records, with the pauses between batches.",
      () => durations.compactionMs,
    ),
    gauge("etcd_debugging_mvcc_watch_stream_total", "Open watch streams.", () => watches.metrics.streams),
    gauge("etcd_debugging_mvcc_watcher_total", "Watchers.", () => watches.metrics.watchers),
    gauge("etcd_debugging_mvcc_slow_watcher_total", "Watchers behind.", () => watches.metrics.slowWatchers),
    gauge(
      "etcd_debugging_mvcc_pending_events_total",
      "Events not yet sent.",
      () => watches.metrics.pendingEvents,
    ),
    counter("etcd_debugging_mvcc_events_total", "Events sent.", () => watches.metrics.eventsTotal),
  ];
}

function leaseFamilies({ lessor }: ApiContext): Family[] {
  return [
    counter("etcd_debugging_lease_granted_total", "Leases granted.", () => lessor.metrics.granted),
    counter("etcd_debugging_lease_revoked_total", "Leases revoked.", () => lessor.metrics.revoked),
    counter("etcd_debugging_lease_renewed_total", "Renewals here.", () => lessor.metrics.renewed),
    histogram("etcd_debugging_lease_ttl_total", "TTLs granted, in seconds.", () => lessor.metrics.ttlSeconds),
    counter(
      "etcd_debugging_server_lease_expired_total",
      "Leases expired here.",
      () => lessor.metrics.expired,
    ),
  ];
}
