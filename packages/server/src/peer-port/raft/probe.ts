import type http from "node:http";
import type { PeerTransport } from "../../peer/peer-transport.ts";
import { answer } from "../answers.ts";

/** `/raft/probing`, by any method: this member is there, and what time it is here. */
export function handleProbe(transport: PeerTransport, response: http.ServerResponse): void {
  const now = new Date(transport.options.clock.wallMs()).toISOString();
  answer(
    response,
    200,
    { "content-type": "text/plain; charset=utf-8" },
    `${JSON.stringify({ OK: true, Now: now })}\n`,
  );
}
