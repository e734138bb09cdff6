import type { ConfState, LogIndex, Message, NodeId } from "@quorate/raft";
import type { Backend, DatabaseExport } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Transport } from "@quorate/storage/seams/transport";
import type { Logger } from "../log/logger.ts";
import type { LogCompaction, LogHold } from "./log-compaction.ts";

/** What is replicated besides the database, at one moment. */
export interface MembershipState {
  readonly confState: ConfState;
  /** The members in the form that older releases read. */
  readonly data: Uint8Array;
}

export interface SnapshotSenderOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly compaction: LogCompaction;
  readonly log: Logger;
  readonly membershipState: () => MembershipState;
  /** Index of the last applied entry that changed the members. */
  readonly lastConfChangeIndex: () => LogIndex;
  /** Tells raft how it ended. */
  readonly report: (to: NodeId, succeeded: boolean) => void;
}

/**
 * Sends the applied state to followers whose next entry is no longer in the log. Raft names the state it knew when it
 * asked; what is sent is the present one, which is never older, and the follower tells how far it has come.
 */
export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  /** Followers that a state is made for or sent to. */
  readonly #sending = new Map<NodeId, LogHold>();
  /** Exports are made one after another: each reads the whole database. */
  #exporting: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
  }

  /** Takes a `MsgSnap` of raft's. */
  send(message: Message): void {
    const { to } = message;
    this.#sending.get(to)?.end();
    const hold = this.#options.compaction.hold(to);
    this.#sending.set(to, hold);
    this.#exporting = this.#exporting.then(() => this.#exportAndSend(message, hold));
  }

  /** The transport's word on a state that it was given. */
  sent(to: NodeId, succeeded: boolean): void {
    const hold = this.#sending.get(to);
    this.#sending.delete(to);
    // A hold without an index that was sent would never end by itself.
    if (!succeeded) hold?.end();
    this.#options.report(to, succeeded);
  }

  stop(): void {
    this.#stopped = true;
    for (const hold of this.#sending.values()) hold.end();
    this.#sending.clear();
  }

  async #exportAndSend(message: Message, hold: LogHold): Promise<void> {
    const { clock, log, transport } = this.#options;
    const { to } = message;
    if (this.#stopped || this.#sending.get(to) !== hold) return;
    const startedMs = clock.nowMs();
    try {
      const { state, database } = await this.#export();
      if (this.#stopped || this.#sending.get(to) !== hold) {
        await database.release();
        return;
      }
      const index = database.consistentIndex;
      log.info("sending a snapshot to a member that is too far behind", {
        "to-member-id": to.toString(16),
        index,
        bytes: database.sizeBytes,
        exportMs: Math.round(clock.nowMs() - startedMs),
      });
      hold.sent(index, clock.nowMs());
      const metadata = { index, term: database.consistentTerm, confState: state.confState };
      transport.sendSnapshot(
        { ...message, snapshot: { data: state.data, metadata } },
        {
          sizeBytes: database.sizeBytes,
          read: () => database.read(),
          release: () => {
            database.release().catch((error: Error) => {
              log.warn("failed to remove the file of a snapshot", { error: error.message });
            });
          },
        },
      );
    } catch (error) {
      log.error("failed to make a snapshot for a member", {
        "to-member-id": to.toString(16),
        error: (error as Error).message,
      });
      if (!this.#stopped) this.sent(to, false);
    }
  }

  /** The database together with the members as of the same entry. */
  async #export(): Promise<{ state: MembershipState; database: DatabaseExport }> {
    const { backend, lastConfChangeIndex, membershipState } = this.#options;
    for (;;) {
      const state = membershipState();
      const changedAt = lastConfChangeIndex();
      const database = await backend.export();
      if (lastConfChangeIndex() === changedAt) return { state, database };
      await database.release();
    }
  }
}
