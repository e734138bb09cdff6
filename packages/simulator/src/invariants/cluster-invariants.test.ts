import assert from "node:assert/strict";
import test from "node:test";
import { ClusterInvariants, type MemberLife, type RaftEntry } from "./cluster-invariants.ts";
import { LogTerms } from "./log-terms.ts";

const A: MemberLife = { name: "a", memberId: 1n, life: 1 };
const A_AGAIN: MemberLife = { ...A, life: 2 };
const B: MemberLife = { name: "b", memberId: 2n, life: 1 };

const entry = (index: number, term: number, text = "x", type = 0): RaftEntry => ({
  index,
  term,
  type,
  data: Buffer.from(text),
});

/** A log with entries of these terms from index 1 on. */
function log(...terms: number[]): LogTerms {
  const made = new LogTerms(0, 0);
  made.append(terms.map((term, i) => ({ index: i + 1, term })));
  return made;
}

interface Case {
  readonly name: string;
  readonly happens: (invariants: ClusterInvariants) => void;
  /** undefined: all is well. */
  readonly broken: RegExp | undefined;
}

const cases: Case[] = [
  {
    name: "a member leads one term after another, and says so often",
    happens: (it) => {
      for (const term of [2, 2, 3]) it.leads(A, term, log());
      it.leads(B, 4, log());
    },
    broken: undefined,
  },
  {
    name: "two members lead one term",
    happens: (it) => {
      it.leads(A, 2, log());
      it.leads(B, 2, log());
    },
    broken: /^one-leadership: b .* leads in term 2, in which a .* has led/,
  },
  {
    name: "a member leads one term in two lives",
    happens: (it) => {
      it.leads(A, 2, log());
      it.leads(A_AGAIN, 2, log());
    },
    broken: /^one-leadership: a .* life 2\) leads in term 2, in which a .* life 1\) has led/,
  },
  {
    name: "entries are the same everywhere, and others where the term is another",
    happens: (it) => {
      it.appended(A, entry(1, 1));
      it.appended(B, entry(1, 1));
      it.appended(B, entry(1, 2, "y"));
      it.appended(A, entry(2, 1, "z"));
    },
    broken: undefined,
  },
  {
    name: "an index and a term name two entries, one of which has been overwritten since",
    happens: (it) => {
      it.appended(A, entry(1, 1, "x"));
      it.appended(A, entry(1, 2, "z"));
      it.appended(B, entry(1, 1, "y"));
    },
    broken: /^log-matching: b .* has another entry at index 1, term 1 than a /,
  },
  {
    name: "an index and a term name entries of two types",
    happens: (it) => {
      it.appended(A, entry(1, 1, "x", 0));
      it.appended(B, entry(1, 1, "x", 1));
    },
    broken: /^log-matching/,
  },
  {
    name: "a new leader has what was committed, in its log or in a snapshot",
    happens: (it) => {
      it.committed(2, 1, 1);
      it.leads(A, 2, log(1, 1, 1));
      it.leads(B, 3, new LogTerms(5, 2));
    },
    broken: undefined,
  },
  {
    name: "a leader of an old term learns late of it",
    happens: (it) => {
      it.committed(1, 1, 1);
      it.committed(2, 3, 3);
      it.leads(A, 2, log(1));
    },
    broken: undefined,
  },
  {
    name: "a leader that learns late of its election lacks what a later one has committed of an earlier term",
    happens: (it) => {
      it.committed(1, 1, 1);
      it.committed(2, 1, 3);
      it.committed(3, 3, 3);
      it.leads(A, 2, log(1));
    },
    broken: undefined,
  },
  {
    name: "a new leader's log ends too early",
    happens: (it) => {
      it.committed(1, 1, 1);
      it.committed(2, 1, 1);
      it.leads(A, 2, log(1));
    },
    broken: /^leader-completeness: a .* without entry 2 of term 1, which is committed: its log ends at 1/,
  },
  {
    name: "a new leader has another entry in the place of a committed one",
    happens: (it) => {
      it.committed(2, 2, 2);
      it.leads(A, 3, log(1, 1, 1));
    },
    broken: /^leader-completeness: .* it has one of term 1 there/,
  },
];

for (const { name, happens, broken } of cases) {
  test(name, () => {
    const reports: string[] = [];
    happens(new ClusterInvariants((invariant, text) => reports.push(`${invariant}: ${text}`)));
    if (broken === undefined) assert.deepEqual(reports, []);
    else assert.match(reports.join("\n"), broken);
  });
}
