import { type Client, WatchCanceled } from "@quorate/client";
import type { Event, KeyValue } from "@quorate/wire/messages";
import { ExitCode, exitWith } from "../../command-line/exit.ts";
import { present } from "../session/answers.ts";
import { type KeyRange, keysIn } from "./pages.ts";

/** How often a watch is asked how far it is: it answers when it has caught up. */
const ASK_MS = 20;

export interface ChangesSince {
  /** What there was before, of what the last compaction has left; its revisions are older than any event's. */
  readonly before: AsyncIterable<KeyValue>;
  readonly events: AsyncIterable<Event>;
}

/**
 * Every change in a range that the store still has, up to the revision that is the newest when this is called. Throws Exit.
 */
export async function changesSince(client: Client, range: KeyRange): Promise<ChangesSince> {
  try {
    const { header } = await client.kv.range({ ...range, countOnly: true });
    const last = present(header, "header").revision;
    const first = await firstRevision(client, range.key);
    return {
      before: keysIn(client, range, { revision: first }),
      events: eventsUpTo(client, range, first + 1n, last),
    };
  } catch (error) {
    throw exitWith(ExitCode.ERROR, error);
  }
}

/** The oldest revision that may be read: a watch from the beginning is told. */
async function firstRevision(client: Client, key: Uint8Array): Promise<bigint> {
  const watcher = client.watch({ key, startRevision: 1n });
  const timer = setInterval(() => watcher.requestProgress(), ASK_MS);
  try {
    for await (const _ of watcher) break;
    return 1n;
  } catch (error) {
    const compacted = error instanceof WatchCanceled ? (error.response?.compactRevision ?? 0n) : 0n;
    if (compacted === 0n) throw error;
    return compacted;
  } finally {
    clearInterval(timer);
    watcher.close();
  }
}

async function* eventsUpTo(
  client: Client,
  range: KeyRange,
  startRevision: bigint,
  last: bigint,
): AsyncGenerator<Event, void> {
  if (startRevision > last) return;
  const watcher = client.watch({ ...range, startRevision });
  const timer = setInterval(() => watcher.requestProgress(), ASK_MS);
  try {
    for await (const { header, events } of watcher) {
      for (const event of events) {
        if ((event.kv?.modRevision ?? 0n) > last) return;
        yield event;
      }
      const reached = events.length === 0 ? header.revision : (events.at(-1)!.kv?.modRevision ?? 0n);
      if (reached >= last) return;
    }
  } catch (error) {
    throw exitWith(ExitCode.ERROR, error);
  } finally {
    clearInterval(timer);
    watcher.close();
  }
}
