import { type ConfChange, ConfChangeType, type ConfState, decodeConfChange, type Entry } from "@quorate/raft";
import { Applier, type ReplicatedState } from "../apply/applier.ts";
import { applyEncoded } from "../apply/entry.ts";
import { type ClusterMember, decodeMember } from "../cluster/membership.ts";
import { formatDuration } from "../config/duration.ts";
import type { Proposal } from "../consensus/proposal.ts";
import { isRefusal } from "../errors.ts";
import type { Clock } from "../seams/clock.ts";
import type { Logger } from "../telemetry/logger.ts";

/**
 * Turns committed entries into changes of the replicated state, each exactly once: what the backend already reflects
 * (after a restart) is skipped, and the consistent index moves with every entry, in the same transaction.
 */
export class StateMachine {
  readonly #state: ReplicatedState;
  readonly #applier: Applier;
  readonly #log: Logger;
  /** Tells raft of a configuration that is now in force. */
  readonly #reconfigure: (change: ConfChange) => ConfState;

  readonly #clock: Clock;
  readonly #slowMs: number;

  /** Entries that take longer than `slowMs` are logged. */
  constructor(
    state: ReplicatedState,
    reconfigure: (change: ConfChange) => ConfState,
    log: Logger,
    clock: Clock,
    slowMs: number,
  ) {
    this.#state = state;
    this.#clock = clock;
    this.#slowMs = slowMs;
    this.#applier = new Applier(state);
    this.#reconfigure = reconfigure;
    this.#log = log;
  }

  applyEntry(entry: Entry, proposal: Proposal | undefined): void {
    const { backend } = this.#state;
    if (entry.index <= backend.consistentIndex) return;
    backend.setConsistentIndex(entry.index, entry.term);
    const startedMs = this.#clock.nowMs();
    if (proposal !== undefined) proposal.apply(this.#applier);
    else this.#applyForNobody(entry);
    const tookMs = this.#clock.nowMs() - startedMs;
    if (tookMs > this.#slowMs) {
      this.#log.warn("apply request took too long", {
        took: formatDuration(tookMs),
        "expected-duration": formatDuration(this.#slowMs),
        index: entry.index,
        bytes: entry.data.length,
      });
    }
    backend.entryApplied();
  }

  applyConfChange(entry: Entry): void {
    const { backend } = this.#state;
    // The configuration that raft was started with is the one of the backend's members, which reflect this entry.
    if (entry.index <= backend.consistentIndex) return;
    backend.setConsistentIndex(entry.index, entry.term);
    const change = decodeConfChange(entry.data);
    const confState = this.#reconfigure(change);
    this.#applyMembership(change);
    backend.put("meta", Buffer.from("confState"), Buffer.from(confStateJson(confState)));
    backend.entryApplied();
  }

  /** An entry without effect on the state; only the index moves. */
  applyEmpty(entry: { readonly index: number; readonly term: number }): void {
    const { backend } = this.#state;
    if (entry.index > backend.consistentIndex) backend.setConsistentIndex(entry.index, entry.term);
  }

  #applyForNobody(entry: Entry): void {
    try {
      applyEncoded(this.#applier, entry.data);
    } catch (error) {
      // A refusal is a result like any other. What is no refusal must stop the member: others may have gone on.
      if (!isRefusal(error)) throw error;
    }
  }

  #applyMembership(change: ConfChange): void {
    const { membership } = this.#state;
    switch (change.type) {
      case ConfChangeType.ConfChangeAddNode:
      case ConfChangeType.ConfChangeAddLearnerNode: {
        const member = decodeMember(Buffer.from(change.context ?? []).toString());
        membership.applyAdd(member);
        this.#log.info("added member", memberFields(member));
        break;
      }
      case ConfChangeType.ConfChangeRemoveNode:
        membership.applyRemove(change.nodeId);
        break;
      default:
        break;
    }
  }
}

function memberFields(member: ClusterMember) {
  return {
    "added-peer-id": member.id.toString(16),
    "added-peer-peer-urls": member.peerUrls,
    "added-peer-is-learner": member.isLearner,
  };
}

/** As the table `meta` holds it; IDs are bare numbers, empty lists are left out. */
function confStateJson(state: ConfState): string {
  const parts: string[] = [];
  for (const [name, ids] of [
    ["voters", state.voters],
    ["learners", state.learners],
    ["voters_outgoing", state.votersOutgoing],
    ["learners_next", state.learnersNext],
  ] as const) {
    if (ids.length > 0) parts.push(`"${name}":[${ids.join(",")}]`);
  }
  if (state.autoLeave) parts.push('"auto_leave":true');
  return `{${parts.join(",")}}`;
}
