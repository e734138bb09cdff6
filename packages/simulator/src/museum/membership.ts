import { type RawNode, ReadOnlyOption, StateType } from "@quorate/raft";
import type { Backend } from "@quorate/storage/seams/backend";
import { LAST_VOTERS } from "./circumstances.ts";
import type { Exhibit } from "./exhibit.ts";
import { replaceMethod } from "./replace-method.ts";

type Raft = RawNode["raft"];

export const MEMBERSHIP_EXHIBITS: readonly Exhibit[] = [
  {
    name: "lone-voter-reads",
    mistake:
      "a leader answers reads at once when there is one voter, be that another member, and before its term's first commit",
    origin: "ours",
    circumstances: LAST_VOTERS,
    inMember({ parts }) {
      const { raft } = parts.node;
      const isSure = () => raft.state === StateType.StateLeader && raft.tracker.isSingleton();
      const { option } = raft.readOnly;
      Object.defineProperty(raft.readOnly, "option", {
        get: () => (isSure() ? ReadOnlyOption.ReadOnlyLeaseBased : option),
      });
      replaceMethod<Raft["log"]["termOrZero"]>(
        raft.log,
        "termOrZero",
        (termOrZero) => (index) => (isSure() && index === raft.log.committed ? raft.term : termOrZero(index)),
      );
    },
  },
  {
    name: "zombie-members",
    mistake: "a removed member stays in the database, and is a member again after a restart",
    origin: "etcd#13196",
    circumstances: { replacesMembers: true },
    inMember({ parts }) {
      const { backend } = parts.context;
      replaceMethod<Backend["delete"]>(backend, "delete", (remove) => (table, key) => {
        if (table !== "members") remove(table, key);
      });
    },
  },
];
