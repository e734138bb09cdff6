import { TurnBudget } from "../turn-budget.ts";

/** What receiving may take in one turn of the event loop, for all connections, in microseconds. */
export const RECEIVED_IN_A_TURN = 4_000;

/**
 * What comes when the turn has had enough, and is no larger, is received nevertheless: a request or two. When it has had
 * twice as much nothing is any more.
 */
export const SMALLEST_HELD_CHUNK = 1024;

/** Microseconds that receiving so small a chunk is taken to last: more than a request, and less than most that it may hold. */
export const COST_OF_A_SMALL_CHUNK = 10;

/**
 * A turn may read a chunk from each of a thousand sockets, and each chunk may hold hundreds of calls. What all that takes
 * depends on the calls: of more than small ones only time tells.
 */
export const receiveTurns = new TurnBudget(RECEIVED_IN_A_TURN);
