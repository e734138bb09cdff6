import type { Timer } from "@quorate/storage/seams/clock";
import type { ComparisonContext } from "../api/context.ts";
import { formatId } from "../cluster/ids.ts";
import { firstCorrupt, judgeCompaction } from "./decisions.ts";
import { hashesOfOthers } from "./hashes-of-others.ts";
import { raiseCorruptAlarm } from "./raise-alarm.ts";

/**
 * Compares the members' data while the cluster runs, on the leader: the whole key space every `--corrupt-check-time`, and
 * with feature `CompactHashCheck` what compactions have hashed. What is found becomes a CORRUPT alarm.
 */
export class CorruptionMonitor {
  readonly #context: ComparisonContext;
  readonly #timers = new Set<Timer>();
  #stopped = false;
  /** Compactions up to this revision have been compared among all members. */
  #checkedRevision = 0;

  constructor(context: ComparisonContext) {
    this.#context = context;
  }

  /** A check that takes longer than its period puts off the next. */
  start(): void {
    const { corruptCheckMs, compactHashCheckMs, features } = this.#context.config;
    if (corruptCheckMs > 0) this.#repeat(corruptCheckMs, () => this.checkAll());
    if (features.CompactHashCheck) this.#repeat(compactHashCheckMs, () => this.checkCompactions());
  }

  /** What is under way ends without consequences. Idempotent. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** One comparison of the whole key space; for the leader. */
  async checkAll(): Promise<void> {
    const { consensus, membership, store, log } = this.#context;
    const first = await store.hashKv(0);
    const answers = await hashesOfOthers(this.#context, first.hashRevision);
    await consensus.linearizable();
    const second = await store.hashKv(0);
    const finding = firstCorrupt(membership.localId, first, second, answers);
    if (finding !== undefined) {
      log.error("found corrupt data", {
        "corrupt-member-id": formatId(finding.memberId),
        reason: finding.reason,
        revision: first.hashRevision,
        "compact-revision": first.compactRevision,
        hash: first.hash,
      });
      await this.#raiseAlarm(finding.memberId);
    }
    const checked = answers.filter(({ hash }) => hash !== undefined).length;
    log.info("finished peer corruption check", { "number-of-peers-checked": checked });
  }

  /** Looks for the newest compaction that all members can compare; for the leader. */
  async checkCompactions(): Promise<void> {
    const checked = await this.#compareCompactions();
    this.#context.log.info("finished compaction hash check", { "number-of-hashes-checked": checked });
  }

  /** Returns how many hashes of its own it compared. */
  async #compareCompactions(): Promise<number> {
    const { membership, store, log } = this.#context;
    let compared = 0;
    const unchecked = store.storedHashes().filter(({ hashRevision }) => hashRevision > this.#checkedRevision);
    for (const own of unchecked) {
      const answers = await hashesOfOthers(this.#context, own.hashRevision);
      if (answers.length === 0) return compared;
      compared++;
      const verdict = judgeCompaction(membership.localId, own, answers);
      if (verdict.kind === "incomplete") continue;
      if (verdict.kind === "checked") {
        this.#checkedRevision = Math.max(this.#checkedRevision, own.hashRevision);
        log.info("successfully checked hash on whole cluster", {
          "number-of-peers-checked": answers.length,
          revision: own.hashRevision,
          "compact-revision": own.compactRevision,
        });
        return compared;
      }
      log.error("compaction hashes of the members differ", {
        revision: own.hashRevision,
        "compact-revision": own.compactRevision,
        hash: own.hash,
        "corrupt-member-ids": verdict.members.map(formatId),
      });
      for (const id of verdict.members) await this.#raiseAlarm(id);
      return compared;
    }
    return compared;
  }

  #repeat(periodMs: number, check: () => Promise<void>): void {
    const timer = this.#context.clock.setTimer(periodMs, () => {
      this.#timers.delete(timer);
      void this.#run(check).then(() => {
        if (!this.#stopped) this.#repeat(periodMs, check);
      });
    });
    this.#timers.add(timer);
  }

  async #run(check: () => Promise<void>): Promise<void> {
    const { consensus, log } = this.#context;
    if (!consensus.isLeader) return;
    try {
      await check();
    } catch (error) {
      if (!this.#stopped) log.warn("a corruption check failed", { error: (error as Error).message });
    }
  }

  async #raiseAlarm(id: bigint): Promise<void> {
    if (!this.#stopped) await raiseCorruptAlarm(this.#context, id);
  }
}
