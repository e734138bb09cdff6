import { Code } from "@quorate/rpc/status";
import {
  type Event,
  encodeMessage,
  type Init,
  type ResponseHeader,
  type WatchCreateRequest,
  WatchRequest,
  WatchResponse,
} from "@quorate/wire/messages";
import { decodeAnswer } from "../connection/answers.ts";
import type { Calls, OpenCall } from "../connection/calls.ts";
import type { Deadline } from "../connection/deadline.ts";
import { ClientError, COMPACTED_TEXT, canceled } from "../connection/errors.ts";
import type { MessageQueue } from "../connection/message-queue.ts";

const WATCH = "/etcdserverpb.Watch/Watch";

/** What happened to the keys that are watched; without events it says how far nothing has. */
export interface WatchedChanges {
  /** Its revision is that of the last event, or the one up to which all events have been delivered. */
  readonly header: ResponseHeader;
  /** In the order of their revisions, and all of a revision together. */
  readonly events: readonly Event[];
}

export interface WatchOptions {
  readonly signal?: AbortSignal;
  /** End the watch when its member has no leader, instead of waiting with it. Default false. */
  readonly requireLeader?: boolean;
}

/** The server has ended the watch. */
export class WatchCanceled extends ClientError {
  /** The last answer, of a watch that had begun. */
  readonly response: WatchResponse | undefined;
  /** As the server gave it; empty when it gave none. */
  readonly reason: string;

  constructor(code: number, details: string, last: WatchResponse) {
    super(code, details);
    this.response = last.created ? undefined : last;
    this.reason = last.cancelReason;
  }
}

/**
 * A watch on a key or a range. Iterating over it gives every change once and in order, whatever becomes of connections
 * meanwhile: after each loss it goes on behind the last change that it has given. Iterate once. It has a stream of its own, so
 * that who reads slowly holds up nobody else.
 */
export class Watcher implements AsyncIterable<WatchedChanges> {
  readonly #calls: Calls;
  readonly #deadline: Deadline;
  readonly #request: Init<WatchCreateRequest>;
  readonly #metadata: Readonly<Record<string, string>>;
  #nextRevision: bigint;
  #call: OpenCall | undefined;
  #closed = false;

  constructor(calls: Calls, request: Init<WatchCreateRequest>, options: WatchOptions = {}) {
    this.#calls = calls;
    this.#deadline = calls.deadline({ timeoutMs: Number.POSITIVE_INFINITY, signal: options.signal });
    this.#request = request;
    this.#metadata = options.requireLeader === true ? { hasleader: "true" } : {};
    this.#nextRevision = BigInt(request.startRevision ?? 0);
  }

  /** Asks for an answer that says how far the watch has come. Does nothing while there is no connection. */
  requestProgress(): void {
    this.#call?.stream.send(encodeMessage(WatchRequest, { progressRequest: {} }));
  }

  /** Ends the iteration. */
  close(): void {
    this.#closed = true;
    this.#call?.stream.cancel();
  }

  /** Ends when the watch is closed; throws a {@link WatchCanceled} when the server ends it, a ClientError when nothing can go on. */
  async *[Symbol.asyncIterator](): AsyncGenerator<WatchedChanges, void> {
    try {
      while (!this.#closed) {
        const call = await this.#calls.open(WATCH, this.#deadline, this.#metadata);
        this.#call = call;
        call.stream.send(this.#createRequest());
        try {
          yield* this.#read(call.messages);
        } catch (error) {
          if (this.#closed) return;
          if (!(error instanceof ClientError)) throw error;
          await this.#calls.recover(call, error, this.#deadline);
        } finally {
          this.#call = undefined;
          call.stream.cancel();
        }
      }
    } catch (error) {
      if (this.#closed) return;
      throw error;
    }
  }

  #createRequest(): Uint8Array {
    return encodeMessage(WatchRequest, {
      createRequest: { ...this.#request, startRevision: this.#nextRevision },
    });
  }

  /** The changes that one stream brings. Throws when it ends. */
  async *#read(messages: MessageQueue): AsyncGenerator<WatchedChanges, void> {
    /** What there is so far of an answer in several parts. */
    let parts: Event[] = [];
    for (;;) {
      const message = await messages.next();
      if (message === undefined) throw new ClientError(Code.UNAVAILABLE, "the server ended the stream");
      const response = decodeAnswer(WatchResponse, message);
      if (response.canceled) throw cancellation(response);
      const { header = NO_HEADER, created, fragment, events } = response;
      if (created) {
        // From here on it counts, also for a watch that begins with what comes next.
        if (this.#nextRevision === 0n) this.#nextRevision = header.revision + 1n;
      } else if (fragment) {
        parts.push(...events);
      } else {
        const all = parts.length === 0 ? events : [...parts, ...events];
        parts = [];
        this.#advance(header, all);
        yield { header, events: all };
      }
    }
  }

  #advance(header: ResponseHeader, events: readonly Event[]): void {
    const last = events.at(-1)?.kv?.modRevision ?? header.revision;
    if (last >= this.#nextRevision) this.#nextRevision = last + 1n;
  }
}

const NO_HEADER: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n };

function cancellation(last: WatchResponse): ClientError {
  const { compactRevision, cancelReason } = last;
  // A refused token is renewed, and the watch goes on: it is no end.
  const refused = /etcdserver: (invalid auth token|revision of auth store is old)/.exec(cancelReason);
  if (refused !== null) return new ClientError(Code.UNAUTHENTICATED, refused[0]);
  if (compactRevision !== 0n) return new WatchCanceled(Code.OUT_OF_RANGE, COMPACTED_TEXT, last);
  if (cancelReason !== "") return new WatchCanceled(Code.FAILED_PRECONDITION, cancelReason, last);
  return new WatchCanceled(
    Code.OUT_OF_RANGE,
    "etcdserver: mvcc: required revision is a future revision",
    last,
  );
}

/** Watches a key until it is deleted. Rejects as watchers do, and when `signal` comes first. */
export async function untilDeleted(
  calls: Calls,
  key: Uint8Array | string,
  startRevision: bigint,
  signal?: AbortSignal,
): Promise<void> {
  for await (const { events } of new Watcher(calls, { key, startRevision }, { ...(signal && { signal }) })) {
    if (events.some(({ type }) => type === DELETE)) return;
  }
  throw canceled();
}

const DELETE = 1;
