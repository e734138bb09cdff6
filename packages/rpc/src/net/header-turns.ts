import { TurnBudget } from "../turn-budget.ts";

/** Octets of header blocks that are decoded in one turn of the event loop, for all connections. */
export const DECODED_IN_A_TURN = 65_536;

/** What comes when the turn has had enough, and is no larger, is received nevertheless: requests of usual size. */
export const LARGEST_SMALL_CHUNK = 4096;

/**
 * An octet of a header block costs many times what one of a message does, a block may have 16 MiB, and a turn may read
 * megabytes from each of many sockets.
 */
export const headerTurns = new TurnBudget(DECODED_IN_A_TURN);
