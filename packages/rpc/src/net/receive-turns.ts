import { TurnBudget } from "../turn-budget.ts";

/** What receiving may take in one turn of the event loop, for all connections, in microseconds. */
export const RECEIVED_IN_A_TURN = 4_000;

/**
 * What comes when the turn has had enough, and is no larger, is received nevertheless: a request or two. When it has had
 * twice as much nothing is any more.
 */
export const SMALLEST_HELD_CHUNK = 1024;

/**
 * Microseconds that receiving so small a chunk is taken to last: what one request does, and less than as many as it may hold.
 * A thousand connections with a request each are received in one turn: to hold some of them back would cost more than it
 * brings.
 */
export function costOfASmallChunk(length: number): number {
  return 4 + length / 128;
}

/**
 * A turn may read a chunk from each of a thousand sockets, and each chunk may hold hundreds of calls. What all that takes
 * depends on the calls: of more than small ones only time tells.
 */
export const receiveTurns = new TurnBudget(RECEIVED_IN_A_TURN);
