import type http from "node:http";
import { endsOfClients } from "./client-ends.ts";

type OnRequest = (req: http.IncomingMessage, res: http.ServerResponse) => void;

/**
 * A sixteenth of what may wait to be sent before node:http stops reading from a connection. While it does not read it does not
 * hear that the client has gone, either: not for a few requests, then.
 */
const WEIGHT_OF_WAITING = 4096;

/**
 * Has the requests of a connection answered one after another, as Go's server does: one that comes before the answer
 * to another is complete waits for it. When many wait the client is held back.
 */
export function inTurn(onRequest: OnRequest): OnRequest {
  return (req, res) => {
    if (res.socket !== null) {
      onRequest(req, res);
      return;
    }
    const { socket } = req;
    endsOfClients.countWaiting(socket, 1);
    weigh(res, WEIGHT_OF_WAITING);
    res.once("socket", () => {
      weigh(res, -WEIGHT_OF_WAITING);
      // A thousand of them may lie in one chunk.
      setImmediate(() => {
        endsOfClients.countWaiting(socket, -1);
        if (!res.destroyed) onRequest(req, res);
      });
    });
  };
}

/** What node:http counts of a connection's answers that cannot be sent yet: with too much of that it reads no more. */
function weigh(res: http.ServerResponse, change: number): void {
  (res as { _onPendingData?: (change: number) => void })._onPendingData?.(change);
}
