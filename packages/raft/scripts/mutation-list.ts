/** One mistake: `find`, which stands exactly once in `file`, becomes `replace`. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "a vote is given without a look at the candidate's log",
    file: "src/election.ts",
    find: "canVote && r.log.isUpToDate(m.index, m.logTerm)",
    replace: "canVote",
  },
  {
    name: "a second vote is given in the same term",
    file: "src/election.ts",
    find: "r.vote === NONE && r.lead === NONE",
    replace: "r.lead === NONE",
  },
  {
    name: "an entry of an older term is committed by counting",
    file: "src/log/raft-log.ts",
    find: " || !this.matchTerm(index, term)) return false;",
    replace: ") return false;",
  },
  {
    name: "the lease is ignored when somebody asks for a vote",
    file: "src/step.ts",
    find: "isVoteRequest(m.type) && hasLease(r) && !isCampaignTransfer(m)",
    replace: "isVoteRequest(m.type) && hasLease(r) && r.id === 0n",
  },
  {
    name: "the reject hint is off by one",
    file: "src/roles/from-leader.ts",
    find: "answer.rejectHint = hint.index;",
    replace: "answer.rejectHint = Math.max(0, hint.index - 1);",
  },
  {
    name: "the probe goes back one too little",
    file: "src/tracker/progress.ts",
    find: "Math.min(rejected, hint + 1)",
    replace: "Math.min(rejected, hint + 2)",
  },
  {
    name: "only the incoming half of a joint configuration commits",
    file: "src/quorum/joint.ts",
    find: "Math.min(this.incoming.committedIndex(acked), this.outgoing.committedIndex(acked))",
    replace: "this.incoming.committedIndex(acked)",
  },
  {
    name: "only the incoming half of a joint configuration votes",
    file: "src/quorum/joint.ts",
    find: "const b = this.outgoing.voteResult(votes);",
    replace: "const b = a;",
  },
  {
    name: "a majority is one too few",
    file: "src/quorum/majority.ts",
    find: "Math.floor(this.ids.length / 2) + 1",
    replace: "Math.max(1, Math.floor(this.ids.length / 2))",
  },
  {
    name: "a vote is answered without an fsync",
    file: "src/raw-node.ts",
    find: "(hardState.vote !== this.#previousHardState.vote || hardState.term !== this.#previousHardState.term)",
    replace: "hardState.term < 0",
  },
  {
    name: "answers do not wait for the disk",
    file: "src/send.ts",
    find: "    r.messagesAfterAppend.push(m);",
    replace: "    (m.to === r.id ? r.messagesAfterAppend : r.messages).push(m);",
  },
  {
    name: "a leader counts its own log before it is durable",
    file: "src/proposals.ts",
    find: "  ack.index = r.log.append(entries);",
    replace: "  ack.index = r.log.append(entries);\n  r.tracker.get(r.id)?.maybeUpdate(ack.index);",
  },
  {
    name: "heartbeats carry the commit index uncapped",
    file: "src/replication.ts",
    find: "const commit = Math.min(to.match, r.log.committed);",
    replace: "const commit = r.log.committed;",
  },
  {
    name: "a follower commits beyond what it was shown",
    file: "src/log/raft-log.ts",
    find: "this.commitTo(Math.min(committed, prevIndex + entries.length));",
    replace: "this.commitTo(Math.min(committed, this.lastIndex()));",
  },
  {
    name: "conflicting entries stay in the log",
    file: "src/log/raft-log.ts",
    find: "if (this.matchTerm(index, term)) continue;",
    replace: "if (index <= this.lastIndex()) continue;",
  },
  {
    name: "a second conf change starts before the first is applied",
    file: "src/proposals.ts",
    find: "if (r.pendingConfIndex > r.log.applied) {",
    replace: "if (r.pendingConfIndex < 0) {",
  },
  {
    name: "a new leader does not wait for inherited conf changes",
    file: "src/roles/transitions.ts",
    find: "r.pendingConfIndex = r.log.lastIndex();",
    replace: "r.pendingConfIndex = 0;",
  },
  {
    name: "reads are confirmed without a quorum",
    file: "src/read-only.ts",
    find: "Math.min(voters.committedIndex(this), this.#position())",
    replace: "voters.ids.length > 0 ? this.#position() : 0",
  },
  {
    name: "votes are asked for before term and vote are durable",
    file: "src/storage-threads.ts",
    find: "  if (firstRequest === messages.length) return messages;",
    replace: "  return messages;",
  },
  {
    name: "a removed leader answers reads when one voter is left",
    file: "src/reads.ts",
    find: "return r.tracker.isSingleton() && r.tracker.config.voters.has(r.id);",
    replace: "return r.tracker.isSingleton();",
  },
  {
    name: "a new leader answers reads before its first commit",
    file: "src/reads.ts",
    find: "return r.log.termOrZero(r.log.committed) === r.term;",
    replace: "return r.term > 0;",
  },
  {
    name: "writes of an older term are taken for durable ones of this term",
    file: "src/step.ts",
    find: "    if (m.snapshot !== undefined) appliedSnapshot(r, m.snapshot);\n  } else if",
    replace:
      "    r.log.unstable.stableTo(m.index, m.logTerm);\n    if (m.snapshot !== undefined) appliedSnapshot(r, m.snapshot);\n  } else if",
  },
  {
    name: "entries that are replaced while they are being written are not written again",
    file: "src/log/unstable.ts",
    find: "this.offsetInProgress = Math.min(this.offsetInProgress, first);",
    replace: "this.offsetInProgress = Math.max(this.offsetInProgress, first);",
  },
  {
    name: "a granted pre-vote turns the term",
    file: "src/step.ts",
    find: "if (m.type === MessageType.MsgPreVote) return true;",
    replace: "",
  },
  {
    name: "a full window stalls for ever",
    file: "src/replication.ts",
    find: "  if ((entries === undefined || entries.length === 0) && !sendIfEmpty) return false;",
    replace:
      "  if (windowIsFull) return false;\n  if ((entries === undefined || entries.length === 0) && !sendIfEmpty) return false;",
  },
  {
    name: "a probe that finds nothing missing goes on probing",
    file: "src/roles/leader.ts",
    find: "progress.match === index && progress.state === ProgressState.StateProbe",
    replace: "progress.match < 0",
  },
];
