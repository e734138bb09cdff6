import type { Backend } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Logger } from "../log/logger.ts";

export interface DefragmentContext {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Defragments this member's database, with what the log and metrics say of it. */
export async function defragment({ backend, clock, log }: DefragmentContext): Promise<void> {
  const { counts } = backend;
  const beganMs = clock.nowMs();
  const before = backend.sizeBytes;
  log.info("starting defragmentation", { sizeBytes: before });
  counts.defragmenting++;
  try {
    await backend.defragment();
  } finally {
    counts.defragmenting--;
  }
  const tookMs = clock.nowMs() - beganMs;
  counts.defragmentSeconds.observe(tookMs / 1_000);
  log.info("finished defragmentation", {
    sizeBytesBefore: before,
    sizeBytes: backend.sizeBytes,
    tookMs: Math.round(tookMs),
  });
}
