import type { Entry } from "@quorate/raft";
import type { MemberParts, MemberStorage } from "@quorate/server/simulation";
import { CHANGING_MEMBERS, LATE_SNAPSHOTS, LOST_TAILS } from "./circumstances.ts";
import type { Exhibit } from "./exhibit.ts";
import { replaceMethod } from "./replace-method.ts";

type Writer = MemberParts["writer"];
type Compaction = MemberParts["compaction"];
type Wal = MemberStorage["wal"];

export const LOG_EXHIBITS: readonly Exhibit[] = [
  {
    name: "old-snapshot-record-last",
    mistake: "the log names a snapshot of the member's own behind a later one that it has received",
    origin: "ours",
    circumstances: LATE_SNAPSHOTS,
    inMember({ parts, storage }) {
      const { compaction, writer, node } = parts;
      replaceMethod<Compaction["pause"]>(compaction, "pause", () => async () => {});
      replaceMethod<Writer["saveSnapshot"]>(writer, "saveSnapshot", () => async (snapshot) => {
        const { term, vote, commit } = node.basicStatus().hardState;
        storage.wal.save({ term, vote, commit: Math.max(commit, snapshot.index) }, []);
        await storage.wal.saveSnapshot(snapshot);
        return true;
      });
    },
  },
];

/** Those that the simulation cannot be relied on to find. */
export const RARE_LOG_EXHIBITS: readonly Exhibit[] = [
  {
    name: "commit-goes-back",
    mistake:
      "what waits to be written says an older commit index than the log, and a newer one that comes meanwhile is lost",
    origin: "ours",
    circumstances: CHANGING_MEMBERS,
    inMember({ parts, storage }) {
      /** By the entries of what waits to be written, the commit index that it says; undefined: it is not written. */
      const waiting = new Map<readonly Entry[], number | undefined>();
      let { term, vote } = storage.hardState;
      replaceMethod<Writer["append"]>(parts.writer, "append", (append) => (message) => {
        const own = { ...message, entries: [...message.entries] };
        const isCommitOnly =
          own.term === term && own.vote === vote && own.entries.length === 0 && own.responses.length === 0;
        if (!isCommitOnly || waiting.size > 0)
          waiting.set(own.entries, isCommitOnly ? undefined : own.commit);
        if (own.term !== 0) ({ term, vote } = own);
        append(own);
      });
      replaceMethod<Wal["save"]>(storage.wal, "save", (save) => (state, entries) => {
        const commit = waiting.get(entries);
        const isLost = waiting.delete(entries) && commit === undefined;
        if (!isLost) save(state && commit ? { ...state, commit } : state, entries);
      });
    },
  },
  {
    name: "overtaken-end-returns",
    mistake:
      "what a member had in its log beyond a received snapshot, and nobody committed, is there again after a restart",
    origin: "ours",
    circumstances: LOST_TAILS,
    inMember({ storage }) {
      const { raftLog, wal } = storage;
      replaceMethod<Wal["saveSnapshot"]>(wal, "saveSnapshot", (saveSnapshot) => (snapshot) => {
        const { index, term } = snapshot;
        const last = raftLog.lastIndex();
        const isOther = index >= raftLog.firstIndex() - 1 && index < last && raftLog.term(index) !== term;
        // As they stand before the record, for whoever does not count them out. The log's own method: this writes nothing
        // that anybody has asked for.
        const save: Wal["save"] = Object.getPrototypeOf(wal).save;
        const saved = saveSnapshot(snapshot);
        if (isOther)
          save.call(wal, undefined, raftLog.entries(index + 1, last + 1, Number.POSITIVE_INFINITY));
        return saved;
      });
    },
  },
];
