import type http from "node:http";
import { answer } from "../../http/peer/answers.ts";
import type { PeerTransport } from "../peer-transport.ts";

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
