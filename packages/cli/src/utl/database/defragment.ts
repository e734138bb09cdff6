import { randomUUID } from "node:crypto";
import { chmod, chown, rename, rm, stat } from "node:fs/promises";
import { compact, Database, RealDisk } from "@quorate/bbolt";
import { formatDuration } from "../../go-text/duration.ts";
import { humanBytes } from "../../go-text/human-bytes.ts";
import type { Log } from "../log.ts";
import { openDatabase } from "./open-database.ts";

/**
 * Writes a database anew without its free pages, and puts that in its place. A crash leaves the old file or the new one, and
 * perhaps one beside it that a member removes when it starts. `timeoutMs` as for `openDatabase`.
 */
export async function defragment(path: string, timeoutMs: number, log: Log): Promise<void> {
  await using held = await openDatabase(path, { writable: true, timeoutMs });
  const startedNs = process.hrtime.bigint();
  const before = sizesOf(held.database);
  log.info("defragmenting", { path, ...before.fields });
  const copy = `${path}.tmp.${randomUUID()}`;
  try {
    const after = await copyTo(copy, held.database);
    const { uid, gid, mode } = await stat(path);
    await chmod(copy, mode & 0o777);
    // Whoever may not give files away has made it for itself.
    await chown(copy, uid, gid).catch(() => {});
    await rename(copy, path);
    await new RealDisk().syncDirectory(path);
    log.info("finished defragmenting directory", {
      path,
      "current-db-size-bytes-diff": after.size - before.size,
      "current-db-size-in-use-bytes-diff": after.inUse - before.inUse,
      ...after.fields,
      took: formatDuration(process.hrtime.bigint() - startedNs),
    });
  } finally {
    await rm(copy, { force: true });
  }
}

async function copyTo(path: string, source: Database): Promise<Sizes> {
  await using target = await Database.open(path, { pageBytes: source.pageBytes });
  using tx = source.beginRead();
  await compact(tx, target);
  return sizesOf(target);
}

interface Sizes {
  readonly size: number;
  readonly inUse: number;
  readonly fields: Readonly<Record<string, string | number>>;
}

function sizesOf({ sizeBytes: size, freeBytes, pendingBytes }: Database): Sizes {
  const inUse = size - freeBytes - pendingBytes;
  return {
    size,
    inUse,
    fields: {
      "current-db-size-bytes": size,
      "current-db-size": humanBytes(BigInt(size)),
      "current-db-size-in-use-bytes": inUse,
      "current-db-size-in-use": humanBytes(BigInt(inUse)),
    },
  };
}
