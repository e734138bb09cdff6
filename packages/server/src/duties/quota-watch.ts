import type { Timer } from "@quorate/storage/seams/clock";
import { AlarmType } from "../alarm/alarm-store.ts";
import type { QuotaContext } from "../api/context.ts";
import { propose } from "../api/propose.ts";
import { ALARM, encodeDeactivation } from "../operations/alarm.ts";
import { NOBODY } from "../operations/caller.ts";

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
/** With less in use an alarm about space has no reason any more. */
const DISARM_PERCENT = 90;

/**
 * Looks how much of its space quota a member uses, and tells its operator before writes are refused. If it is to, it ends its
 * own alarm when there is space again.
 */
export class QuotaWatch {
  readonly #context: QuotaContext;
  #timer: Timer | undefined;
  #stopped = false;
  #looks = 0;
  #disarming = false;
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
    const percent = quota.usedRatio * 100;
    this.#warn(percent);
    if (this.#mayDisarm(percent)) void this.#disarm();
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

  #mayDisarm(percent: number): boolean {
    const { alarms, config, membership } = this.#context;
    if (!config.quotaAlarmAutoDisarm || this.#disarming || percent >= DISARM_PERCENT) return false;
    return alarms.list(AlarmType.NOSPACE).some(({ memberId }) => memberId === membership.localId);
  }

  /** Never rejects: what fails is tried again at the next look. */
  async #disarm(): Promise<void> {
    const { log, membership, quota } = this.#context;
    const facts = {
      "current-db-size-in-use-bytes": quota.usedBytes,
      "quota-size-bytes": quota.limitBytes,
    };
    this.#disarming = true;
    try {
      await propose(this.#context, ALARM, encodeDeactivation(membership.localId, AlarmType.NOSPACE), NOBODY);
      log.warn("disarmed the alarm about space, as there is space again", facts);
    } catch (error) {
      if (!this.#stopped)
        log.warn("failed to disarm the alarm about space", { ...facts, error: (error as Error).message });
    } finally {
      this.#disarming = false;
    }
  }
}
