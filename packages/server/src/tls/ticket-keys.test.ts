import assert from "node:assert/strict";
import test from "node:test";
import type { SecureContext } from "node:tls";
import { ManualClock } from "@quorate/testkit/clock";
import { NO_TLS_SETTINGS } from "../config/tls-settings.ts";
import { silentLogger } from "../log/logger.ts";
import { Certificates } from "./certificates.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

function ticketKeyOf({ context }: SecureContext): string {
  return (context as { getTicketKeys(): Buffer }).getTicketKeys().toString("hex");
}

test("tickets are sealed with one key for a day, and then with another one", async () => {
  const clock = ManualClock.withRealTurns(0);
  const certificates = new Certificates(NO_TLS_SETTINGS, "client", clock, silentLogger);
  const first = await certificates.serverCredentials();
  const key = ticketKeyOf(first.context);
  clock.advance(DAY_MS - 1);
  assert.equal(await certificates.serverCredentials(), first);
  clock.advance(1);
  const { context } = await certificates.serverCredentials();
  assert.notEqual(ticketKeyOf(context), key);
  assert.equal((await certificates.serverCredentials()).context, context);
});
