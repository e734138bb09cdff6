import { type Message, MessageType } from "@quorate/raft";
import type { Disk, DiskFile, MemberParts } from "@quorate/server/simulation";

/** Mistakes that are planted on purpose, to see that the checks find them. */
export const PLANTS = {
  "early-acknowledgements": "a follower acknowledges entries as they arrive, before they are on its disk",
  "lying-disk": "syncs of files do nothing",
  "reads-without-quorum": "linearizable reads are answered from local state",
  "repeated-proposals": "the network delivers forwarded proposals twice",
  "forgotten-leases": "a member goes on with its old leases when it has received a snapshot",
  "unaware-watchers": "watchers are not told that a snapshot has replaced the state",
  "forgetful-watch": "a watch stream loses a response now and then",
  "deaf-lessor": "keepalives are answered and change nothing",
  "immortal-leases": "leases that have expired are not revoked",
  "deaf-member": "a member takes no more messages after a while",
  "skipped-entry": "a member loses a write now and then when it applies it",
  "starved-flush": "who waits for a flush of the database waits for one during which nobody writes",
} as const;

export type Plant = keyof typeof PLANTS;

export function plantInMember(plants: ReadonlySet<Plant>, parts: MemberParts, isFirst: boolean): void {
  const { consensus, lessor, context } = parts;
  if (plants.has("reads-without-quorum")) consensus.read = (reader) => reader.ready();
  if (plants.has("deaf-lessor")) {
    const { timeToLive } = lessor;
    lessor.renew = async (id) => timeToLive.call(lessor, id, false)?.grantedTtlSeconds ?? 0;
  }
  if (plants.has("immortal-leases")) lessor.promote = () => {};
  if (plants.has("forgotten-leases")) lessor.become = () => {};
  if (plants.has("unaware-watchers")) context.watches.storeReplaced = () => {};
  if (plants.has("forgetful-watch")) {
    const { watches } = context;
    const open = watches.openStream.bind(watches);
    let sent = 0;
    watches.openStream = (sink) =>
      open({ ...sink, send: (message) => (++sent % 100 === 0 ? true : sink.send(message)) });
  }
  if (plants.has("starved-flush")) {
    const { backend } = context;
    const flushed = backend.flushed.bind(backend);
    backend.flushed = async () => {
      do {
        backend.commit();
        await flushed();
      } while (backend.backlogBytes > 0);
    };
  }
  if (plants.has("skipped-entry") && isFirst) {
    const { backend } = context;
    const put = backend.putRevision.bind(backend);
    backend.putRevision = (main, sub, tombstone, record) => {
      const other =
        main % 50 === 0 ? record.map((byte, i) => (i === record.length - 1 ? byte ^ 1 : byte)) : record;
      put(main, sub, tombstone, other);
    };
  }
}

/** What a follower that acknowledges too early answers to `message`. */
export function earlyAcknowledgement(message: Message): Message | undefined {
  const last = message.entries.at(-1);
  if (message.type !== MessageType.MsgApp || last === undefined) return undefined;
  return {
    ...message,
    type: MessageType.MsgAppResp,
    to: message.from,
    from: message.to,
    index: last.index,
    logTerm: 0,
    commit: 0,
    entries: [],
  };
}

/** A disk that says it has synced. */
export function withoutDurability(disk: Disk): Disk {
  return {
    list: (directory) => disk.list(directory),
    exists: (path) => disk.exists(path),
    makeDirectory: (directory) => disk.makeDirectory(directory),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: (directory) => disk.syncDirectory(directory),
    open: async (path, mode) => new LyingFile(await disk.open(path, mode === "durable" ? "write" : mode)),
    lock: (path) => disk.lock(path),
    lockExisting: (path) => disk.lockExisting(path),
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
