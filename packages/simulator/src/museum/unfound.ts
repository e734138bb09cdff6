import { decodeConfChange, EntryType, type Message, type RawNode } from "@quorate/raft";
import { ELECTIONS, TRANSFERS } from "./circumstances.ts";
import type { Exhibit } from "./exhibit.ts";
import { RARE_LOG_EXHIBITS } from "./log.ts";
import { replaceMethod } from "./replace-method.ts";
import { RARE_STORAGE_EXHIBITS } from "./storage.ts";

type RaftLog = RawNode["raft"]["log"];

/**
 * Mistakes that the simulation cannot be relied on to find: they need several rare things at once. Who makes such a thing
 * less rare, or a check sharper, moves them to the others.
 */
export const UNFOUND_EXHIBITS: readonly Exhibit[] = [
  ...RARE_LOG_EXHIBITS,
  ...RARE_STORAGE_EXHIBITS,
  {
    name: "old-term-committed",
    mistake: "an entry of an older term is committed because a quorum has it",
    origin: "Raft 5.4.2",
    circumstances: ELECTIONS,
    inMember({ parts }) {
      const { log } = parts.node.raft;
      replaceMethod<RaftLog["maybeCommit"]>(log, "maybeCommit", () => (index) => {
        if (index <= log.committed || index > log.lastIndex()) return false;
        log.commitTo(index);
        return true;
      });
    },
  },
  {
    name: "reads-before-first-commit",
    mistake: "a leader answers reads before the first entry of its term is committed",
    origin: "etcd#7331",
    circumstances: TRANSFERS,
    inMember({ parts }) {
      const { raft } = parts.node;
      replaceMethod<RaftLog["termOrZero"]>(
        raft.log,
        "termOrZero",
        (termOrZero) => (index) => (index === raft.log.committed ? raft.term : termOrZero(index)),
      );
    },
  },
  {
    name: "learner-counts",
    mistake: "a leader commits what it and a learner have, as if the learner were a voter",
    origin: "ours",
    circumstances: {
      members: 3,
      replacesMembers: true,
      faults: ["partition", "isolate-leader"],
      meanPauseMs: 300,
    },
    inMember({ parts }) {
      const { tracker } = parts.node.raft;
      replaceMethod<typeof tracker.committed>(tracker, "committed", () => () => {
        const matches = tracker.ordered.map(({ match }) => match).sort((a, b) => b - a);
        return matches[Math.floor(tracker.config.voters.ids.length / 2)] ?? 0;
      });
    },
  },
  {
    name: "conf-change-at-append",
    mistake:
      "one member changes its configuration when the change is in its log, the others when it is committed",
    origin: "ours",
    circumstances: { ...ELECTIONS, replacesMembers: true, meanPauseMs: 400 },
    inMember({ parts, isFirst }) {
      if (!isFirst) return;
      const { node, writer } = parts;
      replaceMethod<(message: Message) => void>(writer, "append", (append) => (message) => {
        append(message);
        for (const { type, data } of message.entries) {
          if (type === EntryType.EntryConfChange) node.applyConfChange(decodeConfChange(data));
        }
      });
    },
  },
];
