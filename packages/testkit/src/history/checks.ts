/** Compares what clients were told with the history. Every function returns what is wrong, one line a finding. */
import type { EventHistory, KeyVersion } from "./event-history.ts";
import { searchOrder } from "./linearizability.ts";
import { abridge, describe, type Found, isWrite, type Operation } from "./operation.ts";

/** Findings of one kind beyond this many say nothing new. */
const MAX_FINDINGS = 20;

/**
 * Every answer against the history: no acknowledged write is lost or at another revision, no refused one happened,
 * reads return what was there at their revision, comparisons were decided rightly, and nothing is older than what
 * was known when it was asked.
 */
export function checkOperations(operations: readonly Operation[], history: EventHistory): string[] {
  const problems: string[] = [];
  const writeOfRevision = new Map<number, Operation>();
  for (const operation of operations) {
    const problem = checkOperation(operation, history);
    if (problem !== undefined) problems.push(`${problem}: ${describe(operation)}`);
    if (!tookEffect(operation)) continue;
    const other = writeOfRevision.get(operation.revision);
    if (other !== undefined) {
      problems.push(`two writes at one revision: ${describe(operation)}; ${describe(other)}`);
    }
    writeOfRevision.set(operation.revision, operation);
  }
  return problems.slice(0, MAX_FINDINGS);
}

/** Acknowledged to have written. */
function tookEffect(operation: Operation): boolean {
  return operation.outcome === "ok" && (operation.kind === "put" || operation.succeeded);
}

function checkOperation(operation: Operation, history: EventHistory): string | undefined {
  const { kind, key, value, outcome, revision, floor } = operation;
  const writtenAt = value === undefined ? undefined : history.revisionOf(value);
  if (outcome === "never") return writtenAt === undefined ? undefined : `a refused write is at ${writtenAt}`;
  if (outcome === "maybe") {
    if (writtenAt === undefined || writtenAt > floor) return undefined;
    return `written at ${writtenAt}, before it was asked for`;
  }
  if (revision > history.lastRevision) return `the history ends at ${history.lastRevision}`;
  if (tookEffect(operation)) {
    if (writtenAt === undefined) return "an acknowledged write is lost";
    if (writtenAt !== revision) return `an acknowledged write is at ${writtenAt}`;
    if (revision <= floor) return "a write got a revision that was already known";
    if (kind === "put") return undefined;
    const before = history.at(key, revision - 1);
    return same(before, operation.expected ?? null)
      ? undefined
      : `the comparison succeeded, but the key held ${show(before)}`;
  }
  if (revision < floor) {
    return kind === "serializable" ? "a member went back in time" : "a stale answer";
  }
  const there = history.at(key, revision);
  if (kind === "swap") {
    if (writtenAt !== undefined) return `a failed comparison wrote at ${writtenAt}`;
    return same(there, operation.expected ?? null) ? "the comparison failed without reason" : undefined;
  }
  return same(there, operation.found) ? undefined : `the key held ${show(there)} at that revision`;
}

function same(version: KeyVersion | undefined, found: Found): boolean {
  if (version === undefined || found === null) return version === undefined && found === null;
  return version.revision === found.modRevision && version.value === found.value;
}

function show(version: KeyVersion | undefined): string {
  return version === undefined ? "nothing" : `${abridge(version.value!)}@${version.revision}`;
}

/** Searches an order for every key that was read or written; independent of revisions. */
export function checkLinearizability(operations: readonly Operation[], history: EventHistory): string[] {
  const byKey = new Map<string, Operation[]>();
  for (const operation of operations) {
    if (operation.kind === "serializable" || operation.outcome === "never") continue;
    if (operation.outcome === "maybe") {
      // A read nobody heard of says nothing; a write that nobody saw may be taken as never done.
      if (!isWrite(operation) || history.revisionOf(operation.value!) === undefined) continue;
    }
    const ofKey = byKey.get(operation.key) ?? [];
    byKey.set(operation.key, ofKey);
    ofKey.push(operation);
  }
  const problems: string[] = [];
  for (const [key, ofKey] of byKey) {
    const verdict = searchOrder(ofKey);
    if (verdict === "violated")
      problems.push(`no order of the ${ofKey.length} operations on ${key} explains them`);
    if (verdict === "undecided") problems.push(`the search for an order on ${key} was given up`);
  }
  return problems;
}

/** Under `prefix` every version of a key must be the one before and one more element. */
export function checkAppends(prefix: string, history: EventHistory): string[] {
  const problems: string[] = [];
  for (const key of history.keys().filter((name) => name.startsWith(prefix))) {
    let before = "";
    for (const { value, revision } of history.versionsOf(key)) {
      if (value === undefined) problems.push(`${key} was deleted at ${revision}`);
      else if (!isAppended(before, value))
        problems.push(`${key} at ${revision}: "${abridge(value)}" after "${abridge(before)}"`);
      before = value ?? "";
    }
  }
  return problems.slice(0, MAX_FINDINGS);
}

function isAppended(before: string, after: string): boolean {
  if (before === "") return !after.includes(",");
  return after.startsWith(`${before},`) && !after.slice(before.length + 1).includes(",");
}
