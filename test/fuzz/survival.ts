/** Batches of random inputs of one kind, and what is looked at after each. */
import assert from "node:assert/strict";
import { SeededRandom } from "@quorate/testkit/random";
import type { Kind } from "./kinds.ts";
import { FuzzedMember, type Holdings } from "./member.ts";

/** No turn of the member's event loop may be longer. */
const LONGEST_TURN_MS = 50;
/** Idle connections and database readers may come and go. */
const SPARE_DESCRIPTORS = 4;
/**
 * The threads for passwords have descriptors of their own, and stay for ten seconds when there is nothing to do; so long the
 * request of a client that has gone may stay, too.
 */
const LATE_ENDS_MS = 15_000;
const SPARE_RESOURCES = 4;
/** Tables and caches that have grown to their size. */
const SPARE_MIB = 24;
/** Until everything has been compiled and has reached its size. */
const WARM_UP_BATCHES = 3;

export interface Survival {
  readonly inputs: number;
  readonly seconds: number;
  readonly longestTurnMs: number;
  readonly before: Holdings;
  readonly after: Holdings;
}

export interface Run {
  readonly kind: Kind;
  readonly seed: number;
  readonly inputs: number;
  /** Of a replay: this batch and no other. */
  readonly onlyBatch?: number;
  readonly report: (line: string) => void;
}

/** Throws with what replays it when the member does not come through. */
export async function survive(run: Run): Promise<Survival> {
  const { kind, seed, inputs, onlyBatch, report } = run;
  await using member = await FuzzedMember.start();
  const batches = Math.max(1, Math.ceil(inputs / kind.batchSize));
  const all = onlyBatch === undefined ? Array.from({ length: batches }, (_, i) => i) : [onlyBatch];
  if (onlyBatch === undefined)
    for (let i = 1; i <= WARM_UP_BATCHES; i++) await oneBatch(member, kind, seed, -i);
  const before = await member.holdings();
  const startedAt = performance.now();
  let longestTurnMs = 0;
  for (const batch of all) {
    const turnMs = await oneBatch(member, kind, seed, batch);
    if (turnMs > longestTurnMs) report(`longest turn ${turnMs.toFixed(1)} ms in batch ${batch}`);
    longestTurnMs = Math.max(longestTurnMs, turnMs);
    if (turnMs > LONGEST_TURN_MS) await judgeTurn(kind, seed, batch, turnMs);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  let after = await member.holdings();
  if (addedTo(before, after).length > 0) {
    await new Promise((resolve) => setTimeout(resolve, LATE_ENDS_MS));
    after = await member.holdings();
  }
  assertNothingIsLeft(before, after, seed);
  const { signal } = await member.server.stop();
  assert.equal(signal, "SIGTERM", `the member ends as it should:\n${member.server.tail}`);
  return { inputs: all.length * kind.batchSize, seconds, longestTurnMs, before, after };
}

/** Sends a batch and looks at the member. Returns the longest turn of its event loop. */
async function oneBatch(member: FuzzedMember, kind: Kind, seed: number, batch: number): Promise<number> {
  let ended: unknown;
  const exited = member.server.exited.then((exit) => {
    ended = exit;
    throw new Error(`the member ended: ${JSON.stringify(exit)}`);
  });
  exited.catch(() => {});
  try {
    await member.look();
    await Promise.race([kind.send(new SeededRandom(batchSeed(seed, batch)), member.port), exited]);
    const { longestTurnMs } = await member.look();
    await Promise.race([member.probe(), exited]);
    assert.equal(await member.defects(), 0, "requests failed for a defect of the server");
    await member.refill();
    return longestTurnMs;
  } catch (error) {
    // The end of the process may be heard of a little later than that of its connections.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const what = ended === undefined ? "" : `\nthe member ended: ${JSON.stringify(ended)}`;
    throw new Error(
      `${String((error as Error).stack)}${what}\nreplay: -- --kinds ${kind.name} --seed ${seed} --batch=${batch}\nthe member's output ends:\n${member.server.tail.slice(-3000)}`,
    );
  }
}

function batchSeed(seed: number, batch: number): number {
  return (Math.imul(batch + 1, 0x9e37_79b1) ^ seed) >>> 0;
}

/** A turn that is long for what was sent is long again; a collection of memory at a bad moment is not. */
async function judgeTurn(kind: Kind, seed: number, batch: number, turnMs: number): Promise<void> {
  const turns = [turnMs];
  for (let i = 0; i < 3; i++) {
    await using member = await FuzzedMember.start();
    await oneBatch(member, kind, seed, -1);
    turns.push(await oneBatch(member, kind, seed, batch));
    if (turns.at(-1)! <= LONGEST_TURN_MS) return;
  }
  throw new Error(
    `turns of ${turns.map((each) => each.toFixed(0)).join(", ")} ms; replay: -- --kinds ${kind.name} --seed ${seed} --batch=${batch}`,
  );
}

/** Of which kinds of connections, threads and the like there are more. */
function addedTo(before: Holdings, after: Holdings): string[] {
  const added = Object.entries(after.resources)
    .filter(([resource, count]) => count > (before.resources[resource] ?? 0) + SPARE_RESOURCES)
    .map(([resource]) => resource);
  return after.descriptors > before.descriptors + SPARE_DESCRIPTORS ? ["descriptors", ...added] : added;
}

function assertNothingIsLeft(before: Holdings, after: Holdings, seed: number): void {
  const both = `seed ${seed}: ${JSON.stringify(before)} to ${JSON.stringify(after)}`;
  assert.deepEqual(addedTo(before, after), [], `these are left, ${both}`);
  assert.equal(after.watchStreams, before.watchStreams, `watch streams are left, ${both}`);
  assert.equal(after.watchers, before.watchers, `watchers are left, ${both}`);
  assert.equal(after.leases, before.leases, `leases are left, ${both}`);
  assert.ok(after.heapMiB <= before.heapMiB + SPARE_MIB, `objects are left, ${both}`);
  assert.ok(after.externalMiB <= before.externalMiB + SPARE_MIB, `buffers are left, ${both}`);
}
