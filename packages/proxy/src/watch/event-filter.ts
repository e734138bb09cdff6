import { type Event, EventType, FilterType } from "@quorate/wire/messages";

/** Which kinds of events a watcher does not want: a bit for each. */
export type FilterMask = number;

const NO_PUTS = 1;
const NO_DELETES = 2;

/** Filters that there are not are passed over. */
export function filterMask(filters: readonly number[]): FilterMask {
  let mask = 0;
  for (const filter of filters) {
    if (filter === FilterType.NOPUT) mask |= NO_PUTS;
    if (filter === FilterType.NODELETE) mask |= NO_DELETES;
  }
  return mask;
}

/** The events from a revision on that pass the filters. */
export function passing(events: readonly Event[], mask: FilterMask, fromRevision: bigint): readonly Event[] {
  return events.filter(({ type, kv }) => {
    if ((kv?.modRevision ?? 0n) < fromRevision) return false;
    return (mask & (type === EventType.DELETE ? NO_DELETES : NO_PUTS)) === 0;
  });
}
