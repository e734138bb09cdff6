/** Something with output that waits for the end of the turn. */
export interface Flushable {
  flush(): void;
}

let waiting: Flushable[] = [];
let scheduled = false;

/** Flushes `item` once at the end of this turn of the event loop. The caller makes sure that it queues once. */
export function scheduleFlush(item: Flushable): void {
  waiting.push(item);
  if (scheduled) return;
  scheduled = true;
  setImmediate(onImmediate);
}

/** Flushes everything that waits now, e.g. after a batch of replies. */
export function flushAll(): void {
  const batch = waiting;
  waiting = [];
  for (let i = 0; i < batch.length; i++) batch[i]!.flush();
}

function onImmediate(): void {
  scheduled = false;
  flushAll(); // what this makes ready again, e.g. the rest of a huge response, waits for the next turn
}
