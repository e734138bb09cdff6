/** What watching counts. Plain numbers, read when metrics are asked for. */
export interface WatchMetrics {
  /** Open streams. */
  streams: number;
  /** Watchers, with those that a compaction cancelled and the client has not released. */
  watchers: number;
  /** Watchers that are behind. */
  slowWatchers: number;
  /** Events handed to sinks since the start. */
  eventsTotal: number;
  /** Events in messages that a full sink has not got rid of yet. */
  pendingEvents: number;
}
