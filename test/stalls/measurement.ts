/** One shape, asked for in one way, and what others felt of it meanwhile. */
import { setTimeout as pause } from "node:timers/promises";
import type { BesideProcess } from "./beside-process.ts";
import { type Answer, answerOf } from "./call.ts";
import type { MeasuredMember } from "./measured-member.ts";
import type { Shape, Way } from "./shape.ts";
import type { Store } from "./store.ts";

export interface Measurement {
  readonly shape: Shape;
  readonly way: Way;
  /** What the longest put and read beside the calls waited, in milliseconds. */
  readonly putMs: number;
  readonly readMs: number;
  /** The longest delay of the member's loop, in milliseconds. */
  readonly delayMs: number;
  /** The longest turn of the loop without what its thread waited for a processor, in milliseconds. */
  readonly turnMs: number;
  /** How long that thread waited for a processor at most, between two looks. */
  readonly waitMs: number;
  /** The most work in a turn of the loop, as bytes. */
  readonly turnBytes: number;
  /** The machine's noise: the longest delay of an idle process, and the longest sync to the disk, in milliseconds. */
  readonly lateMs: number;
  readonly syncMs: number;
  readonly tookMs: number;
  /** What goes on beside the calls took so long; 0 when that is nothing. */
  readonly meanwhileMs: number;
  /** Of all answers together. */
  readonly bytes: number;
  /** What is wrong on any machine. */
  readonly faults: readonly string[];
}

/** What is measured: a member with its store and the process beside it. */
export interface Bench {
  readonly member: MeasuredMember;
  readonly store: Store;
  readonly beside: BesideProcess;
}

const SETTLED_MS = 200;
/** However slow a machine is, a call that takes longer hangs. */
const LONGEST_MS = 180_000;
/** Watchers are there by then. */
const MEANWHILE_AFTER_MS = 300;

export async function measure(
  { member, store, beside }: Bench,
  shape: Shape,
  way: Way,
): Promise<Measurement> {
  await shape.prepare?.(store);
  await pause(SETTLED_MS);
  const before = await member.status();
  await member.takeLoopWork();
  await beside.take();

  const startedMs = performance.now();
  const { answers, faults, meanwhileMs } = await ask(member, store, shape, way);
  const tookMs = performance.now() - startedMs;
  await pause(SETTLED_MS);
  const felt = await beside.take();
  const loop = await member.takeLoopWork();
  const after = await member.status();

  if (after.raftTerm !== before.raftTerm) faults.push(`the term rose to ${after.raftTerm}`);
  if (after.leader !== before.leader) faults.push("another member leads");
  if (felt.puts === 0) faults.push("no put beside was answered");
  return {
    shape,
    way,
    putMs: felt.putMs,
    readMs: felt.readMs,
    delayMs: loop.longestDelayMs,
    turnMs: loop.longestTurnMs,
    waitMs: loop.longestWaitMs,
    turnBytes: loop.mostInATurn,
    lateMs: felt.lateMs,
    syncMs: felt.syncMs,
    tookMs,
    meanwhileMs,
    bytes: answers.reduce((sum, { bytes }) => sum + bytes, 0),
    faults: [...faults, ...felt.failures],
  };
}

async function ask(
  member: MeasuredMember,
  store: Store,
  shape: Shape,
  way: Way,
): Promise<{ readonly answers: readonly Answer[]; readonly faults: string[]; readonly meanwhileMs: number }> {
  const { method, quietMs } = shape;
  const { protocol, pace, times } = way;
  const faults: string[] = [];
  const patienceMs = patienceOf(store, shape, way);
  // Binary: text is longer.
  const leastBytes = shape.leastBytes(store);
  const calls = Array.from({ length: times }, async (_, number): Promise<Answer | undefined> => {
    try {
      const requests = shape.requests(store, number);
      return await answerOf(member.address, {
        method,
        requests,
        protocol,
        pace,
        patienceMs,
        leastBytes,
        quietMs,
      });
    } catch (error) {
      const { message } = error as Error;
      if (shape.refusal?.test(message) !== true) faults.push(message);
      return undefined;
    }
  });
  let meanwhileMs = 0;
  if (shape.meanwhile !== undefined) {
    await pause(MEANWHILE_AFTER_MS);
    if (shape.watchers !== undefined) await untilWatched(member, shape.watchers);
    const startedMs = performance.now();
    await shape.meanwhile(store);
    meanwhileMs = performance.now() - startedMs;
  }
  const answers = (await Promise.all(calls)).filter((answer) => answer !== undefined);
  for (const { bytes, ended } of answers) {
    if (ended && bytes < leastBytes) {
      faults.push(`an answer has ${bytes} bytes, at least ${leastBytes} were expected`);
    }
    // Of several clients not all need to come to the end while they are there.
    if (times === 1 && pace === "fast" && bytes < leastBytes) faults.push("the answer is not whole");
  }
  return { answers, faults, meanwhileMs };
}

async function untilWatched(member: MeasuredMember, watchers: number): Promise<void> {
  const giveUpMs = performance.now() + LONGEST_MS;
  while ((await member.watchers()) < watchers) {
    if (performance.now() > giveUpMs) throw new Error(`there are fewer than ${watchers} watchers`);
    await pause(MEANWHILE_AFTER_MS);
  }
}

function patienceOf({ sizes }: Store, { isEntry, watchers }: Shape, { pace, times }: Way): number {
  if (pace !== "fast") return sizes.patienceMs;
  // An entry is applied to its end, whoever has gone.
  // So is a change for watchers that have to be there first.
  return times === 1 || isEntry === true || watchers !== undefined ? LONGEST_MS : sizes.longPatienceMs;
}
