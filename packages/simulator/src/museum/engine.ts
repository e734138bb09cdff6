import type { File } from "@quorate/bbolt";
import { Freelist } from "@quorate/bbolt/testing";
import { type Disk, passedOn } from "@quorate/storage/seams/disk";
import type { Scenario } from "../scenario.ts";
import { CRASHES } from "./circumstances.ts";
import type { Exhibit } from "./exhibit.ts";
import { withSync } from "./planted-file.ts";

/** The database commits often, on slow disks, and the power fails. */
const LOST_COMMITS: Partial<Scenario> = {
  ...CRASHES,
  faults: ["power", "stall-and-lose", "crash-point"],
  meanPauseMs: 500,
  disks: "uneven",
  member: { heartbeatMs: 10, electionTicks: 10, backendBatchMs: 5, snapshotCount: 100 },
};

/** Of pages that are not needed any more, one in so many is used again too early. */
const RARELY = 20;
/** A meta is written with what stands behind it, and nothing else is as short. */
const MOST_META_BYTES = 512;

/** Mistakes of the engine that keeps the database's file. */
export const ENGINE_EXHIBITS: readonly Exhibit[] = [
  {
    name: "meta-before-pages",
    mistake: "a commit writes the meta before the pages that it leads to are synced",
    origin: "ours",
    circumstances: LOST_COMMITS,
    onDisk: (disk) =>
      withDatabases(disk, (file) => {
        if (file.path.endsWith(".sums")) return file;
        let isMetaWritten = false;
        const planted = withSync(file, async () => {
          if (isMetaWritten) await file.sync();
          isMetaWritten = false;
        });
        return {
          ...planted,
          write: (parts, position) => {
            isMetaWritten ||= parts.reduce((sum, { length }) => sum + length, 0) <= MOST_META_BYTES;
            return file.write(parts, position);
          },
        };
      }),
  },
  {
    name: "meta-not-synced",
    mistake: "a commit counts as durable as soon as its meta is written",
    origin: "ours",
    circumstances: LOST_COMMITS,
    onDisk: (disk) =>
      withDatabases(disk, (file) => {
        if (file.path.endsWith(".sums")) return file;
        let isMetaWritten = false;
        const planted = withSync(file, async () => {
          if (!isMetaWritten) await file.sync();
          isMetaWritten = false;
        });
        return {
          ...planted,
          write: (parts, position) => {
            isMetaWritten = parts.reduce((sum, { length }) => sum + length, 0) <= MOST_META_BYTES;
            return file.write(parts, position);
          },
        };
      }),
  },
  {
    name: "sums-not-synced",
    mistake: "the checksums of a commit's pages are written and not synced",
    origin: "ours",
    circumstances: LOST_COMMITS,
    onDisk: (disk) =>
      withDatabases(disk, (file) => (file.path.endsWith(".sums") ? withSync(file, async () => {}) : file)),
  },
  {
    name: "page-reused-at-once",
    mistake: "a page that a transaction does not need any more is used again by the same one",
    origin: "ours",
    circumstances: LOST_COMMITS,
    inEngine() {
      const { free } = Freelist.prototype;
      let pages = 0;
      Freelist.prototype.free = function (page, slots) {
        if (++pages % RARELY === 0) this.giveBack(page, slots);
        else free.call(this, page, slots);
      };
      return {
        [Symbol.dispose]: () => {
          Freelist.prototype.free = free;
        },
      };
    },
  },
];

function withDatabases(disk: Disk, plant: (file: File) => File): Disk {
  return {
    ...passedOn(disk),
    openDatabase: async (path, mode) => plant(await disk.openDatabase(path, mode)),
  };
}
