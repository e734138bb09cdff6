import {
  type Action,
  type Answer,
  describe,
  type FoundKey,
  type Journal,
  type Operation,
} from "../clients/journal.ts";
import type { History, KeyHistories } from "./history.ts";

/**
 * Whether what clients were told is a linearizable history: all writes in the order of their revisions, each read at the
 * revision that its answer names. In that order every answer must be right, and whoever began after another had been
 * answered must come after it. Operations without an answer may have happened, once, at any time after they began.
 * Returns what is wrong.
 */
export function checkOperations(journal: Journal, history: History, keys: KeyHistories): string[] {
  const wrong: string[] = [];
  const deletes = new Map<number, Operation>();
  for (const operation of journal.operations) {
    const problem = problemOf(operation, keys, history, deletes);
    if (problem !== undefined) wrong.push(`${problem}: ${describe(operation)}`);
  }
  wrong.push(...checkOrigins(journal, keys));
  return wrong;
}

function problemOf(
  operation: Operation,
  keys: KeyHistories,
  history: History,
  deletes: Map<number, Operation>,
): string | undefined {
  const { action, answer, outcome, floor } = operation;
  if (action.kind === "put" || action.kind === "swap") {
    const happened = new Set(keys.withValue(action.value).map(({ main }) => main));
    if (happened.size > 1) return `happened ${happened.size} times, at ${[...happened]}`;
    const [main] = happened;
    if (outcome === "never")
      return main === undefined ? undefined : `happened at ${main} although it was refused`;
    if (main !== undefined && main <= floor) return `happened at ${main}, before it began`;
    if (main !== undefined && action.kind === "swap") {
      const problem = swapProblem(action, main, keys);
      if (problem !== undefined) return problem;
    }
    if (outcome === "maybe") return undefined;
    const { revision, changed = true } = answer!;
    if (changed && main !== revision) return `was acknowledged and is lost (it is at ${main})`;
    if (!changed) return refusedSwapProblem(action, revision, floor, main, keys);
    return action.kind === "swap" ? readProblem(action, answer!, revision, keys) : undefined;
  }
  if (outcome !== "ok") return undefined;
  const { revision, changed, found } = answer!;
  if (action.kind === "delete") {
    if (!changed) {
      if (revision < floor) return "is older than what was told before it began";
      return keys.at(action.key, revision) === undefined
        ? undefined
        : "found nothing where there was something";
    }
    const changes = history.revisions.get(revision)?.changes ?? [];
    if (!changes.some(({ key, tombstone }) => tombstone && key === action.key))
      return "was acknowledged and is lost";
    if (revision <= floor) return "happened before it began";
    if (deletes.has(revision)) return `is the same as that of ${deletes.get(revision)!.client}`;
    deletes.set(revision, operation);
    return undefined;
  }
  if (revision < floor) {
    return action.serializable
      ? "is older than what this member told before"
      : "is older than what was told before";
  }
  return rangeProblem(action, revision, found!, keys);
}

function swapProblem(
  action: Action & { kind: "swap" },
  main: number,
  keys: KeyHistories,
): string | undefined {
  const before = keys.at(action.key, main - 1)?.main ?? 0;
  if (before !== action.expected) return `happened at ${main}, where the key was at ${before}`;
  const log = keys.at(action.logKey, main);
  return log?.value === action.value ? undefined : `happened by half at ${main}`;
}

/** Of what a swap read that was made at `main`. */
function readProblem(
  { key, readRevision, readRange }: Action & { kind: "swap" },
  { found = [], before = [], after = [] }: Answer,
  main: number,
  keys: KeyHistories,
): string | undefined {
  const read = { kind: "range", serializable: false } as const;
  if (readRevision !== undefined) return rangeProblem({ ...read, key, end: "" }, readRevision, found, keys);
  if (readRange === undefined) return undefined;
  const all = { ...read, ...readRange };
  return rangeProblem(all, main - 1, before, keys) ?? rangeProblem(all, main, after, keys);
}

function refusedSwapProblem(
  action: Action & { kind: "put" | "swap" },
  revision: number,
  floor: number,
  main: number | undefined,
  keys: KeyHistories,
): string | undefined {
  if (main !== undefined) return `happened at ${main} although its comparison failed`;
  if (revision < floor) return "is older than what was told before";
  const at = keys.at(action.key, revision)?.main ?? 0;
  const isRight = action.kind === "swap" && at !== action.expected;
  return isRight ? undefined : `failed where the key was at ${at}`;
}

function rangeProblem(
  { key, end }: Action & { kind: "range" },
  revision: number,
  found: readonly FoundKey[],
  keys: KeyHistories,
): string | undefined {
  const names = end === "" ? [key] : keys.keys().filter((name) => name >= key && name < end);
  const expected = names.flatMap((name) => keys.at(name, revision) ?? []);
  const isEqual =
    expected.length === found.length &&
    expected.every(({ key: name, value, main }, i) => {
      const other = found[i]!;
      return other.key === name && other.value === value && other.modRevision === main;
    });
  if (isEqual) return undefined;
  const right = expected.map(({ key: name, value, main }) => `${name}=${value}@${main}`);
  return `is not the state at revision ${revision}, which is ${right.join(" ")}`;
}

/** What is in the history must come from somebody. */
function checkOrigins(journal: Journal, keys: KeyHistories): string[] {
  const values = new Set<string>();
  const deletes = new Map<string, number>();
  for (const { action, outcome, answer } of journal.operations) {
    if (action.kind === "put" || action.kind === "swap") values.add(action.value);
    if (action.kind === "delete" && (outcome === "maybe" || answer?.changed === true)) {
      deletes.set(action.key, (deletes.get(action.key) ?? 0) + 1);
    }
  }
  const wrong: string[] = [];
  for (const key of keys.keys()) {
    const changes = keys.of(key);
    for (const { tombstone, value, main } of changes) {
      if (!tombstone && !values.has(value)) wrong.push(`nobody wrote ${key}=${value} at ${main}`);
    }
    // Keys of leases go with them.
    if (changes.some(({ lease }) => lease !== 0n)) continue;
    const count = changes.filter(({ tombstone }) => tombstone).length;
    if (count > (deletes.get(key) ?? 0))
      wrong.push(`${key} was deleted ${count} times, and fewer were asked for`);
  }
  return wrong;
}
