import { TurnBudget } from "@quorate/rpc/server";
import type { TlsSide } from "./certificates.ts";

/**
 * What beginning handshakes may take in one turn of the event loop, in microseconds: each signs with the key, which is the
 * most of its work, and a thousand clients may come in the same turn.
 */
const BEGUN_IN_A_TURN = 5_000;

/** Members do not wait behind clients. */
export const handshakeTurns: Readonly<Record<TlsSide, TurnBudget>> = {
  client: new TurnBudget(BEGUN_IN_A_TURN),
  peer: new TurnBudget(BEGUN_IN_A_TURN),
};
