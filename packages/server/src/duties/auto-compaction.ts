import type { Timer } from "@quorate/storage/seams/clock";
import { encode } from "@quorate/wire";
import { CompactionRequestSchema } from "@quorate/wire/etcdserverpb";
import type { CallContext, ComparisonContext } from "../api/context.ts";
import { propose } from "../api/propose.ts";
import { isRefusedWith } from "../errors.ts";
import { COMPACT } from "../operations/compact.ts";
import { type CompactionSchedule, createSchedule } from "./compaction-schedule.ts";

type Context = ComparisonContext & Pick<CallContext, "identities">;

/** Compacts the history by itself, as `--auto-compaction-retention` says: every member watches it, and the leader does it. */
export class AutoCompaction {
  readonly #context: Context;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(context: Context) {
    this.#context = context;
  }

  start(): void {
    const { clock, config } = this.#context;
    if (config.autoCompaction !== undefined) this.#step(createSchedule(config.autoCompaction, clock.nowMs()));
  }

  /** What is proposed then may still be applied. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #step(schedule: CompactionSchedule): void {
    const { clock, consensus, store } = this.#context;
    schedule.began(store.currentRevision);
    this.#timer = clock.setTimer(schedule.stepMs, () => {
      const revision = consensus.isLeader ? schedule.due(clock.nowMs(), store.currentRevision) : undefined;
      if (revision === undefined) {
        this.#step(schedule);
        return;
      }
      void this.#compact(schedule, revision).then(() => {
        if (!this.#stopped) this.#step(schedule);
      });
    });
  }

  /** Never rejects: what fails is tried again after a step. */
  async #compact(schedule: CompactionSchedule, revision: number): Promise<void> {
    const { clock, identities, log } = this.#context;
    const message = encode(CompactionRequestSchema, { revision: BigInt(revision) });
    try {
      await propose(this.#context, COMPACT, message, identities.ofMember);
    } catch (error) {
      // Somebody has compacted further.
      if (!isRefusedWith(error, "COMPACTED")) {
        if (!this.#stopped) {
          log.warn("failed auto compaction", { revision, error: (error as Error).message });
        }
        return;
      }
    }
    schedule.done(clock.nowMs(), revision);
    log.info("completed auto compaction", { revision });
  }
}
