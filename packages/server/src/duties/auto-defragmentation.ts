import type { Timer } from "@quorate/storage/seams/clock";
import { pause } from "@quorate/storage/seams/waiting";
import type { DefragmentationContext } from "../api/context.ts";
import type { DefragmentationProgress } from "../api/scheduled-defragmentation.ts";
import { formatId } from "../cluster/ids.ts";
import type { ClusterMember } from "../cluster/member-json.ts";
import type { AutoDefragmentation as Settings } from "../config/auto-defragmentation.ts";
import { askProgress, NO_SUCH_THING } from "./ask-defragmentation.ts";

const LONGEST_LOOK_MS = 60_000;
const POLL_MS = 1_000;
/** So many questions in a row may remain without an answer: the member may be starting again. */
const MAX_UNANSWERED = 30;
/** No member is waited for longer. */
const LONGEST_RUN_MS = 6 * 3_600_000;

/**
 * Has all members defragment their databases when the interval has passed, one at a time, so that the others are at their best
 * meanwhile; the leader itself is the last. Every member watches the time, and the leader asks. It goes by when it had a part
 * in one itself: a new leader does not begin again with what the old one has done.
 */
export class AutoDefragmentation {
  readonly #context: DefragmentationContext;
  readonly #stopping = new AbortController();
  #timer: Timer | undefined;

  constructor(context: DefragmentationContext) {
    this.#context = context;
  }

  start(): void {
    const settings = this.#context.config.autoDefragmentation;
    if (settings !== undefined) this.#lookLater(settings);
  }

  /** What another member does by then it goes on with. Idempotent. */
  stop(): void {
    this.#stopping.abort();
    this.#timer?.cancel();
  }

  #lookLater(settings: Settings): void {
    const { clock, consensus, defragmentation } = this.#context;
    this.#timer = clock.setTimer(Math.min(settings.intervalMs, LONGEST_LOOK_MS), () => {
      const isDue = clock.nowMs() - defragmentation.lastMs >= settings.intervalMs;
      if (!isDue || !consensus.isLeader) {
        this.#lookLater(settings);
        return;
      }
      void this.#round(settings).then(() => {
        if (!this.#stopping.signal.aborted) this.#lookLater(settings);
      });
    });
  }

  /** Never rejects. */
  async #round({ freePercent }: Settings): Promise<void> {
    const { clock, defragmentation, log, membership } = this.#context;
    const startedMs = clock.nowMs();
    const others = membership.members.filter(({ id }) => id !== membership.localId);
    log.info("a scheduled defragmentation of all members begins", {
      members: others.length + 1,
      "free-percent": freePercent,
    });
    let defragmented = 0;
    for (const member of others) {
      if (!this.#goesOn()) return;
      if ((await this.#have(member, freePercent)) === "defragmented") defragmented++;
    }
    if (!this.#goesOn()) return;
    await defragmentation.run(freePercent);
    const own = defragmentation.progress;
    this.#tell(membership.localId, own);
    if (own.outcome === "defragmented") defragmented++;
    log.info("the scheduled defragmentation of all members has ended", {
      defragmented,
      tookMs: Math.round(clock.nowMs() - startedMs),
    });
  }

  #goesOn(): boolean {
    const { consensus, log } = this.#context;
    if (this.#stopping.signal.aborted) return false;
    if (consensus.isLeader) return true;
    log.info("the scheduled defragmentation is given up, as this member leads no longer");
    return false;
  }

  /** Has another member do it, and waits until it is done. What it is that it became; undefined when nobody knows. */
  async #have(member: ClusterMember, freePercent: number) {
    const { clock, consensus, log } = this.#context;
    const { signal } = this.#stopping;
    const fields = { "member-id": formatId(member.id) };
    let progress = await askProgress(this.#context, member, freePercent, signal);
    if (progress === NO_SUCH_THING) {
      log.info("a member is left out of the scheduled defragmentation: it does not know of such", fields);
      return undefined;
    }
    if (progress === undefined) {
      log.warn("a member is left out of the scheduled defragmentation: it does not answer", fields);
      return undefined;
    }
    const deadlineMs = clock.nowMs() + LONGEST_RUN_MS;
    let unanswered = 0;
    while (progress === undefined || progress.running) {
      if (clock.nowMs() >= deadlineMs || unanswered >= MAX_UNANSWERED) {
        log.warn("a scheduled defragmentation is not waited for any longer", fields);
        return undefined;
      }
      if (!(await pause(clock, POLL_MS, signal)) || !consensus.isLeader) return undefined;
      const answer = await askProgress(this.#context, member, undefined, signal);
      progress = answer === NO_SUCH_THING ? undefined : answer;
      unanswered = progress === undefined ? unanswered + 1 : 0;
    }
    this.#tell(member.id, progress);
    return progress.outcome;
  }

  #tell(id: bigint, { outcome, size, sizeBefore }: DefragmentationProgress): void {
    this.#context.log.info("a member has had its turn in the scheduled defragmentation", {
      "member-id": formatId(id),
      // Of a member that started again meanwhile nobody knows.
      outcome: outcome === "none" ? "unknown" : outcome,
      "size-before-bytes": sizeBefore,
      "size-bytes": size,
    });
  }
}
