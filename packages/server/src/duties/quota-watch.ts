import type { Timer } from "@quorate/storage/seams/clock";
import type { QuotaContext } from "../api/context.ts";

const LOOK_MS = 10_000;
/** What was put so long ago weighs half as much. */
const LOOKS_TO_HALVE = 6;
/** Of the quota. */
const WARN_PERCENT = 80;
const QUIET_PERCENT = 75;
/** Warned of again when so much more is in use, or after so long. */
const STEP_PERCENT = 5;
const WARN_AGAIN_MS = 3_600_000;
const TOLD_PREFIXES = 3;

/** Looks how much of its space quota a member uses, and tells its operator before writes are refused. */
export class QuotaWatch {
  readonly #context: QuotaContext;
  #timer: Timer | undefined;
  #stopped = false;
  #looks = 0;
  /** At the last warning; undefined: there was none since less than 75 % were in use. */
  #warned: { readonly percent: number; readonly atMs: number } | undefined;

  constructor(context: QuotaContext) {
    this.#context = context;
  }

  start(): void {
    if (Number.isFinite(this.#context.quota.limitBytes)) this.#lookLater();
  }

  /** Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #lookLater(): void {
    this.#timer = this.#context.clock.setTimer(LOOK_MS, () => {
      this.#look();
      if (!this.#stopped) this.#lookLater();
    });
  }

  #look(): void {
    const { quota, store } = this.#context;
    this.#warn(quota.usedRatio * 100);
    if (++this.#looks % LOOKS_TO_HALVE === 0) store.putSample.halve();
  }

  #warn(percent: number): void {
    const { clock, log, quota, store } = this.#context;
    if (percent < QUIET_PERCENT) this.#warned = undefined;
    if (percent < WARN_PERCENT) return;
    const warned = this.#warned;
    const atMs = clock.nowMs();
    const isKnown = warned !== undefined && percent < warned.percent + STEP_PERCENT;
    if (isKnown && atMs - warned.atMs < WARN_AGAIN_MS) return;
    this.#warned = { percent, atMs };
    log.warn("the space quota is almost used up", {
      "used-percent": Math.floor(percent),
      "current-db-size-in-use-bytes": quota.usedBytes,
      "quota-size-bytes": quota.limitBytes,
      "prefixes-put-most-to": store.putSample
        .largest(TOLD_PREFIXES)
        .map(({ prefix, bytes }) => ({ prefix: Buffer.from(prefix).toString(), "recent-bytes": bytes })),
    });
  }
}
