import { realClock } from "../../../storage/src/seams/real-clock.ts";
import { RealDisk } from "../../../storage/src/seams/real-disk.ts";
import { findStart } from "../../../storage/src/wal/snapshot-records.ts";
import type { Entry } from "../../../storage/src/wal/types.ts";
import { Wal } from "../../../storage/src/wal/wal.ts";

/**
 * What a start costs to read its log: `node recovery-bench.ts DIRECTORY [bytes of an entry] [entries] [entries a
 * snapshot]`. Makes the log when the directory is not there; else opens it, once, in a process that has just begun as a
 * member's start has. Opening changes nothing in the log, so two versions may take turns with the same one.
 */
const [directory, ...counts] = process.argv.slice(2);
const [entryBytes = 300, entryCount = 150_000, snapshotCount = 10_000] = counts.map(Number);
const BATCH_ENTRIES = 20;

async function write(disk: RealDisk, path: string): Promise<void> {
  const wal = await Wal.create(disk, path, { nodeId: 1n, clusterId: 2n });
  const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  let snapshotIndex = 0;
  for (let index = 1; index <= entryCount; ) {
    const entries: Entry[] = [];
    for (let i = 0; i < BATCH_ENTRIES; i++, index++) {
      entries.push({ type: 0, term: 1, index, data: new Uint8Array(entryBytes).fill(index & 255) });
    }
    const commit = index - 1 - BATCH_ENTRIES;
    wal.save({ term: 1, vote: 1n, commit }, entries);
    await wal.sync();
    if (commit < snapshotIndex + snapshotCount) continue;
    snapshotIndex = commit;
    await wal.saveSnapshot({ index: commit, term: 1, confState });
  }
  await wal.close();
}

async function open(disk: RealDisk, path: string): Promise<void> {
  const cpu = process.cpuUsage();
  const startMs = realClock.nowMs();
  const found = await findStart(disk, path);
  const { wal, content } = await Wal.open(disk, path, found.snapshot, found);
  const elapsedMs = realClock.nowMs() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  await wal.close();
  const residentMb = process.resourceUsage().maxRSS / 1024;
  console.log(
    `snapshot at ${found.snapshot.index}, ${content.entries.length} entries after it: ${elapsedMs.toFixed(0)} ms, ` +
      `${((user + system) / 1000).toFixed(0)} ms of CPU, at most ${residentMb.toFixed(0)} MB resident`,
  );
}

if (directory === undefined) throw new Error("which directory?");
const disk = new RealDisk();
if (await disk.exists(directory)) await open(disk, directory);
else await write(disk, directory);
