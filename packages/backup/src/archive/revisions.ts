import type { Event } from "@quorate/wire/messages";

/** What one transaction changed. */
export interface RevisionChanges {
  readonly revision: number;
  /** In the order in which they were made: their places are their sub-revisions. */
  readonly events: readonly Event[];
}

/** The events by their revisions, which are in order. */
export function byRevision(events: readonly Event[]): RevisionChanges[] {
  const found: { revision: number; events: Event[] }[] = [];
  for (const event of events) {
    const revision = Number(event.kv!.modRevision);
    const last = found.at(-1);
    if (last?.revision === revision) last.events.push(event);
    else found.push({ revision, events: [event] });
  }
  return found;
}
