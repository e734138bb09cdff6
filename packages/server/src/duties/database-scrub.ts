import type { Timer } from "@quorate/storage/seams/clock";
import type { ComparisonContext } from "../api/context.ts";
import { formatId } from "../cluster/ids.ts";
import { raiseCorruptAlarm } from "../corruption/raise-alarm.ts";

/** Read and summed up in one go: an eighth of a millisecond. */
const STEP_BYTES = 128 << 10;
/** Before the first pass, and between two: a small file is not gone over all the time. */
const PASS_PAUSE_MS = 60_000;
/** After what failed. */
const RETRY_MS = 10_000;

/**
 * Goes over the database's file again and again, slowly, and looks whether each page is still what was written: what a disk has
 * lost is known before somebody asks for it, while the other members have it. A damaged page becomes a CORRUPT alarm of this member.
 */
export class DatabaseScrub {
  readonly #context: ComparisonContext;
  readonly #stepMs: number;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(context: ComparisonContext) {
    this.#context = context;
    this.#stepMs = (1_000 * STEP_BYTES) / context.config.scrubBytesPerSecond;
  }

  start(): void {
    if (Number.isFinite(this.#stepMs)) this.#later(PASS_PAUSE_MS, () => this.#step());
  }

  /** A step that is under way ends without consequences. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #later(delayMs: number, run: () => Promise<void>): void {
    if (this.#stopped) return;
    this.#timer = this.#context.clock.setTimer(delayMs, () => void run());
  }

  /** Never rejects. */
  async #step(): Promise<void> {
    const { backend, log, membership } = this.#context;
    try {
      const { isEnd, fault } = await backend.scrub(STEP_BYTES);
      if (this.#stopped) return;
      if (fault === undefined) {
        this.#later(isEnd ? PASS_PAUSE_MS : this.#stepMs, () => this.#step());
        return;
      }
      log.error("found a damaged page in the database", {
        "corrupt-member-id": formatId(membership.localId),
        fault,
      });
      await this.#raiseAlarm();
    } catch (error) {
      if (this.#stopped) return;
      log.warn("a scrub of the database failed", { error: (error as Error).message });
      this.#later(RETRY_MS, () => this.#step());
    }
  }

  /** With that the scrub ends, as nothing else would be found before this page. Never rejects. */
  async #raiseAlarm(): Promise<void> {
    const { log, membership } = this.#context;
    try {
      await raiseCorruptAlarm(this.#context, membership.localId);
    } catch (error) {
      if (this.#stopped) return;
      log.warn("failed to raise the alarm about a damaged page", { error: (error as Error).message });
      this.#later(RETRY_MS, () => this.#raiseAlarm());
    }
  }
}
