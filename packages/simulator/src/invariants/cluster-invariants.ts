import type { LogIndex, Term } from "@quorate/raft";
import type { Report } from "./invariants.ts";
import type { LogTerms } from "./log-terms.ts";

/** One process of one member. */
export interface MemberLife {
  readonly name: string;
  readonly memberId: bigint;
  /** Counts the processes of its machine. */
  readonly life: number;
}

/** What is compared of an entry. */
export interface RaftEntry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly type: number;
  readonly data: Uint8Array;
}

interface KnownEntry {
  readonly type: number;
  readonly data: Uint8Array;
  readonly owner: MemberLife;
}

/**
 * Raft's promises across all members of one cluster, whatever became of them: what was overwritten, or was never
 * durable, counts as well.
 */
export class ClusterInvariants {
  readonly #report: Report;
  readonly #leaderships = new Map<number, MemberLife>();
  /** By index, then by term. */
  readonly #entries = new Map<number, Map<number, KnownEntry>>();
  /** The last entry that is known to have been committed by a leader of this term or of an earlier one. */
  readonly #committed = new Map<Term, { readonly index: LogIndex; readonly term: Term }>();

  constructor(report: Report) {
    this.#report = report;
  }

  /** `who` leads in `term`, with `log`. May be called again and again. */
  leads(who: MemberLife, term: Term, log: LogTerms): void {
    const known = this.#leaderships.get(term);
    if (known === undefined) {
      this.#leaderships.set(term, who);
      this.#checkComplete(who, term, log);
    } else if (known.memberId !== who.memberId || known.life !== who.life) {
      this.#report(
        "one-leadership",
        `${describe(who)} leads in term ${term}, in which ${describe(known)} has led`,
      );
    }
  }

  /** The entry is in the log of `who`, durable or not. */
  appended(who: MemberLife, { index, term, type, data }: RaftEntry): void {
    let terms = this.#entries.get(index);
    if (terms === undefined) {
      terms = new Map();
      this.#entries.set(index, terms);
    }
    const known = terms.get(term);
    if (known === undefined) {
      terms.set(term, { type, data, owner: who });
    } else if (known.type !== type || (known.data !== data && Buffer.compare(known.data, data) !== 0)) {
      this.#report(
        "log-matching",
        `${describe(who)} has another entry at index ${index}, term ${term} than ${describe(known.owner)} had`,
      );
    }
  }

  /**
   * Somebody who is in term `byTerm` has applied the entry, so a leader of that term or of an earlier one has committed it.
   * That need not be a leader of the entry's own term: what others have left a leader commits with the first of its own.
   */
  committed(index: LogIndex, term: Term, byTerm: Term): void {
    if (index > (this.#committed.get(byTerm)?.index ?? 0)) this.#committed.set(byTerm, { index, term });
  }

  /** What leaders of later terms have committed does not count: who was elected before them may learn of it late. */
  #checkComplete(who: MemberLife, term: Term, log: LogTerms): void {
    let last = { index: 0, term: 0 };
    for (const [byTerm, entry] of this.#committed) {
      if (byTerm < term && entry.index > last.index) last = entry;
    }
    const found = log.term(last.index);
    if (last.index === 0 || found === last.term || found === "in a snapshot") return;
    this.#report(
      "leader-completeness",
      `${describe(who)} leads in term ${term} without entry ${last.index} of term ${last.term}, which is committed: ` +
        `${found === undefined ? `its log ends at ${log.lastIndex}` : `it has one of term ${found} there`}`,
    );
  }
}

function describe({ name, memberId, life }: MemberLife): string {
  return `${name} (member ${memberId.toString(16)}, life ${life})`;
}
