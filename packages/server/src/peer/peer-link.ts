import type { Message, NodeId } from "@quorate/raft";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Random } from "@quorate/storage/seams/random";
import type { SnapshotDatabase } from "@quorate/storage/seams/transport";
import type { Slices } from "@quorate/storage/slices";
import type { Logger } from "../log/logger.ts";
import { DialSchedule } from "./dial-schedule.ts";
import type { PeerAgent, PeerDialer } from "./dialer.ts";
import type { PeerIdentity } from "./identity.ts";
import type { PeerCounts } from "./metrics.ts";
import { PeerStatus } from "./peer-status.ts";
import { Pipeline } from "./pipeline.ts";
import { Prober } from "./prober.ts";
import { RemovedError } from "./removal.ts";
import { postSnapshot } from "./snapshot-post.ts";
import { StreamReader } from "./stream/stream-reader.ts";
import { type StreamKind, StreamWriter } from "./stream/stream-writer.ts";
import { UrlPicker } from "./url-picker.ts";

export interface LinkEvents {
  readonly receive: (messages: readonly Message[]) => void;
  readonly onLost: () => void;
  readonly onRemoved: () => void;
  readonly onSnapshotSent: (succeeded: boolean) => void;
}

/** What all links of a transport share. */
export interface LinkContext {
  readonly identity: PeerIdentity;
  readonly dialer: PeerDialer;
  /** Connections that are used again. */
  readonly pipelineAgent: PeerAgent;
  /** Connections that are used once. */
  readonly streamAgent: PeerAgent;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly dialTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** For decoding what comes. */
  readonly receiving: Slices;
}

/** Everything between this member and one other member of the configuration. */
export class PeerLink {
  readonly id: NodeId;
  readonly status: PeerStatus;
  readonly pipeline: Pipeline;
  readonly writers: Readonly<Record<StreamKind, StreamWriter>>;
  readonly #context: LinkContext;
  readonly #counts: PeerCounts;
  readonly #events: LinkEvents;
  readonly #picker: UrlPicker;
  readonly #schedule: DialSchedule;
  readonly #readers: readonly StreamReader[];
  readonly #snapshots = new AbortController();
  #probers: readonly Prober[];
  #closed = false;

  constructor(
    id: NodeId,
    urls: readonly string[],
    context: LinkContext,
    counts: PeerCounts,
    { onLost, onRemoved, onSnapshotSent, receive }: LinkEvents,
  ) {
    this.id = id;
    this.#context = context;
    this.#counts = counts;
    const events: LinkEvents = {
      receive,
      onSnapshotSent,
      onLost: () => {
        if (!this.#closed) onLost();
      },
      onRemoved: () => {
        if (!this.#closed) onRemoved();
      },
    };
    this.#events = events;
    this.#picker = new UrlPicker(urls);
    const { clock, identity, log, random, writeTimeoutMs } = context;
    const picker = this.#picker;
    const schedule = new DialSchedule(clock, random);
    this.#schedule = schedule;
    this.status = new PeerStatus(id, clock, log, counts);
    const shared = { ...context, ...events, peerId: id, status: this.status, counts, picker, schedule };
    this.pipeline = new Pipeline({ ...shared, identity, agent: context.pipelineAgent });
    const writer = (kind: StreamKind) => new StreamWriter({ ...shared, kind, writeTimeoutMs });
    this.writers = { message: writer("message"), msgapp: writer("msgapp") };
    this.#readers = [
      new StreamReader({ ...shared, kind: "message" }),
      new StreamReader({ ...shared, kind: "msgapp" }),
    ];
    this.#probers = this.#startProbers();
    counts.known = 1;
  }

  updateUrls(urls: readonly string[]): void {
    this.#picker.replace(urls);
    this.#schedule.forget();
    for (const prober of this.#probers) prober.close();
    this.#probers = this.#startProbers();
  }

  /** The peer has reached this member. */
  heard(): void {
    this.#schedule.heard();
  }

  sendSnapshot(message: Message, database: SnapshotDatabase): void {
    void this.#sendSnapshot(message, database);
  }

  /** Nothing is told afterwards but how snapshots ended that were under way. */
  close(): void {
    this.#closed = true;
    for (const reader of this.#readers) reader.close();
    this.writers.message.close();
    this.writers.msgapp.close();
    this.pipeline.close();
    for (const prober of this.#probers) prober.close();
    this.#snapshots.abort();
    this.status.deactivate("the link was closed");
    this.#counts.known = 0;
  }

  async #sendSnapshot(message: Message, database: SnapshotDatabase): Promise<void> {
    const { clock, identity, log, pipelineAgent } = this.#context;
    const { onLost, onRemoved, onSnapshotSent } = this.#events;
    const transfers = this.#counts.snapshotsSent;
    const address = this.#picker.current;
    const startedMs = clock.nowMs();
    transfers.inflight++;
    try {
      if (address === undefined) throw new Error("no address is known");
      const { signal } = this.#snapshots;
      await postSnapshot({ message, database, address, agent: pipelineAgent, identity, signal });
      transfers.successes++;
      const tookMs = clock.nowMs() - startedMs;
      transfers.seconds.observe(tookMs / 1_000);
      this.status.activate();
      log.info("sent database snapshot", {
        "remote-peer-id": this.id.toString(16),
        bytes: database.sizeBytes,
        tookMs: Math.round(tookMs),
      });
      onSnapshotSent(true);
    } catch (error) {
      const { message: reason } = error as Error;
      transfers.failures++;
      this.#counts.sentFailures++;
      if (address !== undefined) this.#picker.failed(address);
      if (!this.#snapshots.signal.aborted) {
        log.warn("failed to send a snapshot", { "to-peer-id": this.id.toString(16), error: reason });
        this.status.deactivate(reason);
        onLost();
      }
      onSnapshotSent(false);
      if (error instanceof RemovedError) onRemoved();
    } finally {
      transfers.inflight--;
      database.release();
    }
  }

  #startProbers(): Prober[] {
    const { clock, log, pipelineAgent, streamAgent } = this.#context;
    const schedule = this.#schedule;
    const shared = { peerId: this.id, picker: this.#picker, schedule, counts: this.#counts, clock, log };
    return [
      new Prober({ ...shared, name: "ROUND_TRIPPER_SNAPSHOT", agent: pipelineAgent }),
      new Prober({ ...shared, name: "ROUND_TRIPPER_RAFT_MESSAGE", agent: streamAgent }),
    ];
  }
}
