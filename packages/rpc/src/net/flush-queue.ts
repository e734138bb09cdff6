/** Something with output that waits for the end of the turn. */
export interface Flushable {
  flush(): void;
}

/** Each is a call of the system, or several: some 10 microseconds at least. */
const FLUSHES_PER_TURN = 256;

let waiting: Flushable[] = [];
let scheduled = false;

/**
 * Flushes `item` once at the end of this turn of the event loop, or of a later one when very many wait. The caller makes
 * sure that it queues once.
 */
export function scheduleFlush(item: Flushable): void {
  waiting.push(item);
  schedule();
}

/** Flushes everything that waits now, e.g. after a batch of replies. */
export function flushAll(): void {
  const batch = waiting;
  waiting = [];
  for (let i = 0; i < batch.length; i++) batch[i]!.flush();
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(onImmediate);
}

/** What this makes ready again, e.g. the rest of a huge response, waits for the next turn. */
function onImmediate(): void {
  scheduled = false;
  if (waiting.length <= FLUSHES_PER_TURN) {
    flushAll();
    return;
  }
  const batch = waiting.splice(0, FLUSHES_PER_TURN);
  schedule();
  for (let i = 0; i < batch.length; i++) batch[i]!.flush();
}
