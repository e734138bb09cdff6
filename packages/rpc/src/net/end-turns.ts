import type { Http2Connection } from "../http2/connection.ts";
import { TurnBudget } from "../turn-budget.ts";

/** Streams that end in one turn of the event loop because their connections are gone, of all connections together. */
export const ENDED_IN_A_TURN = 1024;

/** The unit is a stream: its handler takes some microseconds to give up what it holds. */
const endTurns = new TurnBudget(ENDED_IN_A_TURN);

/**
 * Ends a connection whose transport is gone, and its streams, in this turn if they are few. `onEnded` is called when all have
 * ended; it must not throw.
 */
export function endConnection(connection: Http2Connection, onEnded: () => void): void {
  connection.transportClosed();
  const goOn = (): void => {
    const most = endTurns.left;
    const ended = connection.endStreams(most);
    endTurns.spend(ended);
    if (ended < most) onEnded();
    else endTurns.wait(goOn);
  };
  if (endTurns.isSpent) endTurns.wait(goOn);
  else goOn();
}
