import type { Backend } from "@quorate/storage/seams/backend";
import type { Disk, DiskFile } from "@quorate/storage/seams/disk";
import { passedOn } from "@quorate/storage/seams/disk";
import { CRASHES, FULL_MEMORIES, INTERRUPTED_SNAPSHOTS, NEVER_IDLE } from "./circumstances.ts";
import type { Exhibit } from "./exhibit.ts";
import { withSync } from "./planted-file.ts";
import { replaceGetter, replaceMethod } from "./replace-method.ts";

/** Of entries, one in so many meets a commit at the wrong moment. */
const RARELY = 20;

export const STORAGE_EXHIBITS: readonly Exhibit[] = [
  {
    name: "lying-disk",
    mistake: "syncs of files do nothing",
    origin: "ours",
    onDisk: withoutDurability,
  },
  {
    name: "index-without-changes",
    mistake: "the database is committed between the consistent index of an entry and what the entry changes",
    origin: "etcd#13766",
    inMember({ parts }) {
      const { backend } = parts.context;
      let entries = 0;
      replaceMethod<Backend["setConsistentIndex"]>(
        backend,
        "setConsistentIndex",
        (setConsistentIndex) => (index, term) => {
          setConsistentIndex(index, term);
          if (++entries % RARELY === 0) backend.commit();
        },
      );
    },
  },
  {
    name: "changes-without-index",
    mistake: "a defragmentation commits what entries have changed without their consistent index",
    origin: "etcd#14685",
    circumstances: CRASHES,
    inMember({ parts }) {
      forgetIndexWhenDefragmenting(parts.context.backend);
    },
  },
  {
    name: "log-shortened-too-early",
    mistake: "the log is marked to begin at an entry whose effects the database has not made durable",
    origin: "ours",
    circumstances: CRASHES,
    inMember({ parts, clock }) {
      const { backend } = parts.context;
      let isClosing = false;
      replaceMethod<Backend["flushed"]>(backend, "flushed", () => async () => {});
      replaceMethod<Backend["commit"]>(backend, "commit", (commit) => () => {
        if (isClosing) commit();
        else clock.setTimer(LATE_COMMIT_MS, () => isClosing || commit());
      });
      replaceMethod<Backend["close"]>(backend, "close", (close) => () => {
        isClosing = true;
        return close();
      });
    },
  },
  {
    name: "starved-flush",
    mistake: "who waits for a flush of the database waits for one during which nobody writes",
    origin: "ours",
    circumstances: NEVER_IDLE,
    inMember({ parts }) {
      const { backend } = parts.context;
      replaceMethod<Backend["flushed"]>(backend, "flushed", (flushed) => async () => {
        do {
          backend.commit();
          await flushed();
        } while (backend.backlogBytes > 0);
      });
    },
  },
  {
    name: "backlog-without-bound",
    mistake: "nobody asks how much waits in memory for the database",
    origin: "ours",
    circumstances: FULL_MEMORIES,
    inMember({ parts }) {
      replaceGetter<number>(parts.context.backend, "backlogBytes", () => () => 0);
    },
  },
  {
    name: "skipped-entry",
    mistake: "a member writes another value now and then when it applies an entry",
    origin: "ours",
    inMember({ parts, isFirst }) {
      if (!isFirst) return;
      const { backend } = parts.context;
      replaceMethod<Backend["putRevision"]>(
        backend,
        "putRevision",
        (putRevision) => (main, sub, tombstone, record) => {
          putRevision(main, sub, tombstone, main % 50 === 0 ? withLastBitFlipped(record) : record);
        },
      );
    },
  },
];

/** Those that the simulation cannot be relied on to find. */
export const RARE_STORAGE_EXHIBITS: readonly Exhibit[] = [
  {
    name: "received-database-removed",
    mistake:
      "a start removes a received database whose snapshot it does not believe yet, and a later start asks for it",
    origin: "ours",
    circumstances: INTERRUPTED_SNAPSHOTS,
    onDisk: withoutReceivedDatabases,
  },
];

const LATE_COMMIT_MS = 50;

/**
 * The consistent index goes into the database as the last step of a commit, by a hook that every commit must call; the one
 * that a defragmentation makes does not.
 */
function forgetIndexWhenDefragmenting(backend: Backend): void {
  let latest: { readonly index: number; readonly term: number } | undefined;
  let commitWithoutIndex = (): void => {};
  // The database's own method: whoever observes applying must not take this for it.
  const setStoredIndex: Backend["setConsistentIndex"] = Object.getPrototypeOf(backend).setConsistentIndex;
  replaceMethod<Backend["setConsistentIndex"]>(backend, "setConsistentIndex", () => (index, term) => {
    latest = { index, term };
  });
  replaceGetter<number>(backend, "consistentIndex", (stored) => () => latest?.index ?? stored());
  replaceGetter<number>(backend, "consistentTerm", (stored) => () => latest?.term ?? stored());
  replaceMethod<Backend["commit"]>(backend, "commit", (commit) => {
    commitWithoutIndex = commit;
    return () => {
      if (latest !== undefined) setStoredIndex.call(backend, latest.index, latest.term);
      commit();
    };
  });
  replaceMethod<Backend["become"]>(backend, "become", (become) => async (other) => {
    await become(other);
    latest = undefined;
  });
  replaceMethod<Backend["defragment"]>(backend, "defragment", (defragment) => () => {
    commitWithoutIndex();
    return defragment();
  });
}

function withLastBitFlipped(record: Uint8Array): Uint8Array {
  return record.map((byte, i) => (i === record.length - 1 ? byte ^ 1 : byte));
}

/** A disk that says it has synced. */
function withoutDurability(disk: Disk): Disk {
  return {
    ...passedOn(disk),
    open: async (path, mode) => new LyingFile(await disk.open(path, mode === "durable" ? "write" : mode)),
    openDatabase: async (path, mode) => withSync(await disk.openDatabase(path, mode), async () => {}),
  };
}

/** Whoever looks for old files removes all received databases, the newest ones, too. */
function withoutReceivedDatabases(disk: Disk): Disk {
  return {
    ...passedOn(disk),
    list: async (directory) => {
      const names = await disk.list(directory);
      const received = names.filter((name) => name.endsWith(".snap.db"));
      for (const name of received) await disk.remove(`${directory}/${name}`);
      return names.filter((name) => !received.includes(name));
    },
  };
}

class LyingFile implements DiskFile {
  readonly #file: DiskFile;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  get path(): string {
    return this.#file.path;
  }
  size(): Promise<number> {
    return this.#file.size();
  }
  read(target: Uint8Array, position: number): Promise<number> {
    return this.#file.read(target, position);
  }
  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.#file.write(bytes, position);
  }
  async sync(): Promise<void> {}
  truncate(size: number): Promise<void> {
    return this.#file.truncate(size);
  }
  close(): Promise<void> {
    return this.#file.close();
  }
}
