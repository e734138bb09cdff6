import { strict as assert } from "node:assert";
import { NO_LIMIT } from "../../size.ts";
import {
  type Entry,
  type Message,
  MessageType,
  type NodeId,
  type ReadState,
  StateType,
} from "../../types.ts";
import { nextChecksum } from "./application.ts";
import type { SimMember } from "./member.ts";

/** An entry as it was first seen anywhere, and the term of the one before it. */
interface KnownEntry {
  readonly entry: Entry;
  readonly previousTerm: number;
}

/** What was last seen of a member in this life. */
interface Shadow {
  readonly terms: Map<number, number>;
  lastIndex: number;
  commit: number;
  term: number;
  wasLeader: boolean;
}

/**
 * Watches a simulation from outside and knows everything that ever happened. After each step it checks the safety
 * properties of the Raft paper (figure 3) for the member that moved, and throws at the first that does not hold.
 */
export class InvariantChecker {
  readonly #members: ReadonlyMap<NodeId, SimMember>;
  readonly #known = new Map<string, KnownEntry>();
  /** By term, in which of its lives which member led it. */
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, NodeId>();
  readonly #shadows = new Map<NodeId, Shadow>();
  /** Committed entries by index, and the checksum of an application that applied them all. */
  readonly #committed: Entry[] = [];
  readonly #checksums: number[] = [0];
  readonly #reads = new Map<string, number>();
  readonly #checksReads: boolean;
  #committedByLeaders = 0;

  constructor(members: ReadonlyMap<NodeId, SimMember>, checksReads: boolean) {
    this.#members = members;
    this.#checksReads = checksReads;
  }

  get committedCount(): number {
    return this.#committed.length;
  }

  /** The largest index that anybody knows to be committed. */
  get committedIndex(): number {
    return this.#committed.length;
  }

  /** The member lost its memory: what it knew of its log and of what is committed may be less now. */
  forgetMemory(member: SimMember): void {
    this.#shadows.delete(member.id);
  }

  onSend(m: Message): void {
    if (m.type !== MessageType.MsgVoteResp || m.reject) return;
    // Votes: at most one a term, also by a member that was restarted in between.
    const key = `${m.term}/${m.from}`;
    const earlier = this.#votes.get(key);
    assert.ok(
      earlier === undefined || earlier === m.to,
      `${m.from} voted twice in term ${m.term}: for ${earlier} and ${m.to}`,
    );
    this.#votes.set(key, m.to);
  }

  onRead(context: string): void {
    this.#reads.set(context, this.#committedByLeaders);
  }

  onReadStates(member: SimMember, states: readonly ReadState[]): void {
    if (!this.#checksReads) return;
    for (const { index, requestContext } of states) {
      const atRequest = this.#reads.get(new TextDecoder().decode(requestContext));
      assert.ok(atRequest !== undefined, "an answer to no question");
      assert.ok(index >= atRequest, `${member.id} reads at ${index} what was asked for at ${atRequest}`);
    }
  }

  check(member: SimMember): void {
    const shadow = this.#shadowOf(member);
    this.#checkLog(member, shadow);
    this.#checkCommit(member, shadow);
    this.#checkLeader(member, shadow);
    this.#checkApplication(member);
    const { raft } = member.node;
    shadow.term = raft.term;
    shadow.commit = raft.log.committed;
    shadow.wasLeader = raft.state === StateType.StateLeader;
  }

  #shadowOf({ id, node }: SimMember): Shadow {
    const known = this.#shadows.get(id);
    if (known !== undefined) return known;
    const { log } = node.raft;
    const shadow: Shadow = { terms: new Map(), lastIndex: 0, commit: 0, term: 0, wasLeader: false };
    shadow.lastIndex = log.firstIndex() - 1;
    shadow.commit = log.firstIndex() - 1;
    this.#shadows.set(id, shadow);
    return shadow;
  }

  /** Log matching, and append-only for leaders. */
  #checkLog({ id, node }: SimMember, shadow: Shadow): void {
    const { log, state, term } = node.raft;
    const first = log.firstIndex();
    const last = log.lastIndex();
    // Below the highest place where nothing changed nothing changed at all: that is what log matching says.
    let same = Math.min(last, shadow.lastIndex);
    while (same >= first && shadow.terms.get(same) !== log.term(same)) same--;
    if (state === StateType.StateLeader && shadow.wasLeader && shadow.term === term) {
      assert.ok(same >= shadow.lastIndex, `leader ${id} changed its log at ${same + 1}`);
    }
    const from = Math.max(first, same + 1);
    const entries = log.slice(from, last + 1, NO_LIMIT) ?? [];
    for (const entry of entries) {
      this.#checkKnown(entry, log.term(entry.index - 1));
      shadow.terms.set(entry.index, entry.term);
    }
    for (let i = last + 1; i <= shadow.lastIndex; i++) shadow.terms.delete(i);
    shadow.lastIndex = last;
  }

  #checkKnown(entry: Entry, previousTerm: number): void {
    const key = `${entry.index}/${entry.term}`;
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#known.set(key, { entry, previousTerm });
      return;
    }
    assert.ok(sameEntry(known.entry, entry), `two different entries ${key}`);
    assert.equal(previousTerm, known.previousTerm, `different entries before ${key}`);
  }

  /** State machine safety: all agree on what is committed; and what is committed is on a quorum of disks. */
  #checkCommit({ id, node }: SimMember, shadow: Shadow): void {
    const { log, state, tracker } = node.raft;
    const { committed } = log;
    assert.ok(committed >= shadow.commit, `${id} took back that ${shadow.commit} is committed`);
    const from = Math.max(shadow.commit + 1, log.firstIndex());
    const entries = log.slice(from, committed + 1, NO_LIMIT) ?? [];
    for (const entry of entries) {
      const known = this.#committed[entry.index - 1];
      if (known !== undefined) {
        assert.ok(sameEntry(known, entry), `two different entries are committed at ${entry.index}`);
        continue;
      }
      assert.equal(entry.index, this.#committed.length + 1, "committed out of order");
      this.#committed.push(entry);
      this.#checksums.push(nextChecksum(this.#checksums.at(-1)!, entry));
    }
    const last = entries.at(-1);
    if (state !== StateType.StateLeader || !shadow.wasLeader || last === undefined) return;
    this.#committedByLeaders = Math.max(this.#committedByLeaders, committed);
    const onDisk = (voter: NodeId) =>
      this.#members.get(voter)?.disk.holdsDurably(last.index, last.term) === true;
    for (const half of [tracker.config.voters.incoming, tracker.config.voters.outgoing]) {
      const count = half.ids.filter(onDisk).length;
      assert.ok(
        half.size === 0 || count >= half.quorum(),
        `${id} committed ${last.index}, durable on ${count} of ${half}`,
      );
    }
  }

  /** Election safety and leader completeness. */
  #checkLeader({ id, life, node }: SimMember, shadow: Shadow): void {
    const { state, term, log } = node.raft;
    assert.ok(term >= shadow.term, `${id} went back from term ${shadow.term} to ${term}`);
    if (state !== StateType.StateLeader) return;
    // A term has one leadership: not even the same member may lead it again after a restart.
    const leader = `${id} in life ${life}`;
    const other = this.#leaders.get(term);
    assert.ok(other === undefined || other === leader, `${other} and ${leader} both lead in term ${term}`);
    this.#leaders.set(term, leader);
    if (shadow.wasLeader && shadow.term === term) return;
    for (let index = log.firstIndex(); index <= this.#committed.length; index++) {
      const entry = this.#committed[index - 1]!;
      // A leader may come late: its successor may have committed already.
      if (entry.term > term) break;
      assert.equal(
        log.term(index),
        entry.term,
        `leader ${id} of term ${term} lacks committed entry ${index}`,
      );
    }
  }

  #checkApplication({ id, application }: SimMember): void {
    const expected = this.#checksums[application.index];
    assert.equal(application.checksum, expected, `${id} has another state at ${application.index}`);
  }
}

function sameEntry(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  return (
    a.index === b.index &&
    a.term === b.term &&
    a.type === b.type &&
    a.data.length === b.data.length &&
    a.data.every((byte, i) => byte === b.data[i])
  );
}
