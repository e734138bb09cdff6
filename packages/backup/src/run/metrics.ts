import { Counter, Gauge, Registry } from "prom-client";

/** What is published about a process that makes backups. */
export class BackupMetrics {
  readonly registry = new Registry();
  /** When the newest snapshot was taken that has been verified; 0 when there is none. */
  newestVerifiedMs = 0;
  readonly gaps: Counter;
  readonly archivedEvents: Counter;
  readonly snapshots: Counter<"result">;
  readonly snapshotSeconds: Gauge;
  readonly clusterRevision: Gauge;
  /** Of the archive as it is now. */
  archive: {
    readonly storedRevision: number;
    readonly lagMs: number;
    readonly bufferedBytes: number;
    readonly failures: number;
    readonly bytesPut: number;
  } = { storedRevision: 0, lagMs: 0, bufferedBytes: 0, failures: 0, bytesPut: 0 };

  constructor(now: () => number) {
    const registers = [this.registry];
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name: `quorate_backup_${name}`,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    gauge(
      "newest_verified_age_seconds",
      "Age of the newest verified snapshot; infinite when there is none.",
      () =>
        this.newestVerifiedMs === 0 ? Number.POSITIVE_INFINITY : (now() - this.newestVerifiedMs) / 1_000,
    );
    gauge(
      "newest_verified_timestamp_seconds",
      "When the newest verified snapshot was taken; 0 when there is none.",
      () => this.newestVerifiedMs / 1_000,
    );
    gauge("archived_revision", "Last revision that is in the store.", () => this.archive.storedRevision);
    gauge(
      "archive_lag_seconds",
      "Age of the oldest change that is not in the store.",
      () => this.archive.lagMs / 1_000,
    );
    gauge("buffered_bytes", "What waits in memory.", () => this.archive.bufferedBytes);
    this.clusterRevision = new Gauge({
      name: "quorate_backup_cluster_revision",
      help: "Revision of the cluster when it was asked last.",
      registers,
    });
    this.snapshotSeconds = new Gauge({
      name: "quorate_backup_snapshot_duration_seconds",
      help: "How long the last snapshot took, from the first byte to its verification in the store.",
      registers,
    });
    this.gaps = new Counter({
      name: "quorate_backup_gaps_total",
      help: "How often changes were not archived, and a new chain began.",
      registers,
    });
    this.archivedEvents = new Counter({
      name: "quorate_backup_archived_events_total",
      help: "Changes of keys that were taken for the archive.",
      registers,
    });
    this.snapshots = new Counter({
      name: "quorate_backup_snapshots_total",
      help: "Snapshots by how they ended.",
      labelNames: ["result"],
      registers,
    });
    for (const result of ["verified", "failed"]) this.snapshots.inc({ result }, 0);
    const archive = () => this.archive;
    const counted = (name: string, help: string, value: () => number) => {
      let told = 0;
      new Counter({
        name: `quorate_backup_${name}`,
        help,
        registers,
        collect() {
          // Each chain's writer counts from 0.
          const current = value();
          this.inc(current >= told ? current - told : current);
          told = current;
        },
      });
    };
    counted("store_failures_total", "Puts of the archive that failed.", () => archive().failures);
    counted(
      "archive_put_bytes_total",
      "What was put for the archive, again and again included.",
      () => archive().bytesPut,
    );
  }
}
