import type { Backend } from "@quorate/storage/seams/backend";
import type { Logger } from "../log/logger.ts";

/** Defragments a database of which `thresholdBytes` or more are not in use; 0 is never. */
export async function defragmentAtStart(
  backend: Pick<Backend, "sizeBytes" | "sizeInUseBytes" | "defragment">,
  thresholdBytes: number,
  log: Logger,
): Promise<void> {
  if (thresholdBytes === 0) return;
  const before = backend.sizeBytes;
  const freeBytes = before - backend.sizeInUseBytes;
  if (freeBytes < thresholdBytes) {
    log.info("Skipping defragmentation", {
      "current-db-size-bytes": before,
      "current-db-size-in-use-bytes": backend.sizeInUseBytes,
      "bootstrap-defrag-threshold-bytes": thresholdBytes,
    });
    return;
  }
  await backend.defragment();
  log.info("finished defragmentation", { sizeBytesBefore: before, sizeBytes: backend.sizeBytes });
}
