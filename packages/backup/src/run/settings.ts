import type { Client } from "@quorate/client";
import type { ArchiveLimits } from "../archive/archive-writer.ts";
import type { Retention } from "../catalog/retention.ts";
import type { Log } from "../log.ts";
import type { BackupKey } from "../sealed/key.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { BackupMetrics } from "./metrics.ts";

/** What is in a snapshot file, when all of it has been looked at. */
export interface CheckedSnapshot {
  readonly revision: bigint;
  readonly hash: number;
  readonly totalKey: number;
  readonly version: string;
}

export interface BackupSettings {
  readonly store: ObjectStore;
  readonly key: BackupKey | undefined;
  /** Where members listen for clients. */
  readonly endpoints: readonly string[];
  /** A client of these; the first is tried first. It is closed by who asks for it. */
  readonly connect: (endpoints: readonly string[]) => Promise<Client>;
  /** Looks at a whole snapshot file. Rejects with what is wrong with it. */
  readonly checkSnapshot: (file: string) => Promise<CheckedSnapshot>;
  /** For snapshots on their way: as large as the database. It is there. */
  readonly workDir: string;
  readonly snapshotIntervalMs: number;
  readonly retention: Retention;
  readonly limits: ArchiveLimits;
  readonly log: Log;
  readonly metrics: BackupMetrics;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How far a snapshot is that is being saved or put. */
  readonly onProgress?: (what: "saving" | "storing", done: number, total: number) => void;
}
