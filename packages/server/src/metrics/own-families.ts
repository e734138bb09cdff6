import type { ApiContext } from "../api/context.ts";
import type { LargeReads } from "../api/large-reads.ts";
import type { LimiterCounts } from "../api/request-limiter.ts";
import { counter, type Family, gauge, type Sample } from "./family.ts";
import type { LoopDelays } from "./loop-delays.ts";

/** What etcd has no metrics for: `quorate_*`. */
export function ownFamilies(
  context: ApiContext,
  loopDelays: LoopDelays,
  defects: { readonly count: number },
): Family[] {
  const { lessor, quota, store, watches } = context;
  const { largeReads, limiter } = context;
  const work = { ...store.meters, leases: lessor.reading.meter };
  return [
    gauge(
      "quorate_event_loop_delay_seconds",
      "How much later than planned the event loop came to its timers, since the member began to serve.",
      () => loopDelays.quantiles().map(({ quantile, seconds }) => ({ labels: { quantile }, value: seconds })),
    ),
    gauge(
      "quorate_event_loop_longest_delay_seconds",
      "The same, the longest one since this was read last.",
      () => loopDelays.takeLongest(),
    ),
    gauge(
      "quorate_turn_work_most_bytes",
      "Work of one turn of the event loop, as bytes: the most since this was read last.",
      () =>
        Object.entries(work).map(([name, meter]) => {
          const value = meter.mostInATurn;
          meter.mostInATurn = 0;
          return { labels: { work: name }, value };
        }),
    ),
    counter(
      "quorate_turns_of_long_work_total",
      "Turns of the event loop in which work went on that had not ended in the turn before.",
      () => Object.entries(work).map(([name, { turns }]) => ({ labels: { work: name }, value: turns })),
    ),
    counter(
      "quorate_request_defects_total",
      "Requests that failed for a defect of the server; the log has them.",
      () => defects.count,
    ),
    ...(largeReads === undefined ? [] : largeReadFamilies(largeReads)),
    ...(limiter === undefined ? [] : [limitedRequests(limiter.counts)]),
    counter(
      "quorate_unanswered_txns_total",
      "Transactions that were applied, and whose long answer could not be read any more.",
      () => store.counters.unansweredTxns,
    ),
    gauge(
      "quorate_backend_quota_used_ratio",
      "Pages of the database in use, as a part of the space quota; 0 when there is none.",
      () => quota.usedRatio,
    ),
    gauge(
      "quorate_watch_stream_lag_revisions",
      "By how much the streams are behind that are furthest, each by its worst watcher; rank 1 is the furthest.",
      () => ranked(watches.mostBehind().streams),
    ),
    gauge("quorate_watcher_lag_revisions", "The same of watchers.", () =>
      ranked(watches.mostBehind().watchers),
    ),
  ];
}

function largeReadFamilies(largeReads: LargeReads): Family[] {
  return [
    gauge("quorate_large_reads", "Long ranges that are being read, or wait for their turns.", () => [
      { labels: { state: "reading" }, value: largeReads.reading },
      { labels: { state: "waiting" }, value: largeReads.waiting },
    ]),
    gauge(
      "quorate_large_answer_bytes",
      "Answers of long ranges that are not sent yet.",
      () => largeReads.heldBytes,
    ),
  ];
}

function limitedRequests(counts: LimiterCounts): Family {
  return counter(
    "quorate_limited_requests_total",
    "Requests beyond the limits of a client, by limit; they were refused, but for a dry run.",
    () => Object.entries(counts).map(([limit, value]) => ({ labels: { limit }, value })),
  );
}

/** Names of streams or of their clients as labels would make ever more series: clients come and go. */
function ranked(values: readonly number[]): Sample[] {
  return values.map((value, place) => ({ labels: { rank: String(place + 1) }, value }));
}
