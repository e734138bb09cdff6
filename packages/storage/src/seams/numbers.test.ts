import assert from "node:assert/strict";
import test from "node:test";
import type { LogIndex, Term } from "@quorate/raft";
import type { Backend, Revision } from "./backend.ts";

/** `true` when a value of `From` is taken where `To` is wanted. Wrong expectations below do not compile. */
type IsTaken<From, To> = From extends To ? true : false;

test("a revision, an index of the log and a term are not taken for each other; plain numbers are taken for each", () => {
  const taken: readonly [
    IsTaken<Revision, Revision>,
    IsTaken<number, Revision>,
    IsTaken<number, LogIndex>,
    IsTaken<number, Term>,
    IsTaken<Revision | undefined, number | undefined>,
  ] = [true, true, true, true, true];
  const refused: readonly [
    IsTaken<Revision, LogIndex>,
    IsTaken<Revision, Term>,
    IsTaken<LogIndex, Revision>,
    IsTaken<LogIndex, Term>,
    IsTaken<Term, Revision>,
    IsTaken<Term, LogIndex>,
    IsTaken<[Term, LogIndex], Parameters<Backend["setConsistentIndex"]>>,
  ] = [false, false, false, false, false, false, false];
  assert.ok(taken.every(Boolean) && !refused.some(Boolean));
});
