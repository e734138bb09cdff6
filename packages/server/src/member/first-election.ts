import type { Clock } from "@quorate/storage/seams/clock";
import type { ServerConfig } from "../config/server-config.ts";
import type { MemberParts } from "./parts.ts";
import type { MemberStorage } from "./storage.ts";

const POLL_MS = 50;
const POLL_FOR_MS = 5_000;

export interface ElectionStart {
  readonly config: ServerConfig;
  readonly storage: MemberStorage;
  readonly parts: MemberParts;
  readonly clock: Clock;
}

/**
 * A member that starts need not wait for a whole election timeout: alone it is the leader, and among others that it
 * reaches it waits just long enough to hear of a leader that exists.
 */
export async function hastenElection(start: ElectionStart): Promise<void> {
  const { storage, parts } = start;
  // Nobody campaigns before its configuration is applied, which for a new member is the log's first entries.
  await parts.writer.whenIdle();
  const voters = storage.membership.voters;
  if (voters.length === 1 && voters[0]!.id === storage.localId) parts.consensus.campaign();
  else if (start.config.initialElectionTickAdvance) advanceTicksWhenConnected(start);
}

function advanceTicksWhenConnected({ config, storage, parts, clock }: ElectionStart): void {
  const { consensus, transport } = parts;
  const giveUpMs = clock.nowMs() + POLL_FOR_MS;
  const poll = () => {
    if (consensus.leader !== 0n || clock.nowMs() > giveUpMs) return;
    const active = storage.membership.members.filter(
      ({ id }) => transport.activeSince(id) !== undefined,
    ).length;
    if (active > 1) consensus.advanceTicks(config.electionTicks - 2);
    else clock.setTimer(POLL_MS, poll);
  };
  poll();
}
