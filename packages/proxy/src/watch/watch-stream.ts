import type { ServerCall } from "@quorate/rpc/server";
import { Code, GrpcError, type GrpcStatus } from "@quorate/rpc/status";
import {
  decodeMessage,
  encodeMessage,
  type ResponseHeader,
  type WatchCreateRequest,
  WatchRequest,
  WatchResponse,
} from "@quorate/wire/messages";
import { failCall } from "../forwarding/unary.ts";
import { type Identity, identityOf } from "../members/caller.ts";
import type { Prefix } from "../namespace/prefix.ts";
import type { AccessChecks } from "./access-checks.ts";
import { ProgressRound } from "./progress-round.ts";
import { ProxiedWatcher, type WatcherCall, type WatcherSource } from "./proxied-watcher.ts";
import type { WatchedKeys } from "./upstream-watch.ts";
import type { WatchedRanges } from "./watched-ranges.ts";

/** A call that takes nothing gets no more than this: octets. Its watchers go on from there when it does. */
const MOST_QUEUED_BYTES = 1_048_576;
/** As many requests may wait for one before them. */
const MOST_WAITING_REQUESTS = 64;
const COMPACTED = "etcdserver: mvcc: required revision has been compacted";
const DUPLICATE_ID = "mvcc: duplicate watch ID provided on the WatchStream";

interface WaitingRequest {
  readonly message: WatchRequest;
  /** Whether the keys may be read, if that has been asked. */
  readonly access: Promise<ResponseHeader> | undefined;
}

export interface WatchStreamParts {
  readonly checks: AccessChecks;
  readonly ranges: WatchedRanges;
  readonly prefix: Prefix;
}

/** The watchers of one call of a client. Its requests are answered one after another, in their order. */
export class WatchStream implements WatcherCall {
  readonly #call: ServerCall;
  readonly #checks: AccessChecks;
  readonly #ranges: WatchedRanges;
  readonly #prefix: Prefix;
  readonly #identity: Identity;
  readonly #watchers = new Map<bigint, ProxiedWatcher>();
  readonly #keysOf = new Map<ProxiedWatcher, WatchedKeys>();
  /** Watchers that go on when the call takes more. */
  readonly #behind = new Set<ProxiedWatcher>();
  readonly #requests: WaitingRequest[] = [];
  /** The watcher that is being begun, and who waits for that. */
  #beginning: { readonly watcher: ProxiedWatcher; readonly done: () => void } | undefined;
  #progress: ProgressRound | undefined;
  #nextId = 0n;
  #isAnswering = false;
  #closed = false;

  readonly #onClosed: () => void;

  constructor(call: ServerCall, { checks, ranges, prefix }: WatchStreamParts, onClosed: () => void) {
    this.#call = call;
    this.#checks = checks;
    this.#ranges = ranges;
    this.#prefix = prefix;
    this.#onClosed = onClosed;
    this.#identity = identityOf(call);
    call.onMessage = (message) => this.#receive(message.slice());
    call.onDrain = () => this.#catchUp();
    call.onCancel = () => this.#close();
    // Who has asked for all may still listen.
    call.onHalfClose = () => {};
    call.sendHeaders();
  }

  get canTake(): boolean {
    return this.queuedBytes < MOST_QUEUED_BYTES;
  }

  /** Octets that the client has not taken yet. */
  get queuedBytes(): number {
    return this.#call.queuedBytes;
  }

  send(response: { readonly [Name in keyof WatchResponse]?: WatchResponse[Name] | undefined }): void {
    this.#call.send(encodeMessage(WatchResponse, response));
  }

  sendInParts(parts: readonly Uint8Array[]): void {
    this.#call.sendInParts(parts);
  }

  watcherBegun(watcher: ProxiedWatcher): bigint {
    const id = watcher.requestedId === 0n ? this.#freeId() : watcher.requestedId;
    this.#watchers.set(id, watcher);
    this.#ended(watcher);
    return id;
  }

  watcherRefused(watcher: ProxiedWatcher): void {
    this.#keysOf.delete(watcher);
    this.#ended(watcher);
  }

  watcherBehind(watcher: ProxiedWatcher): void {
    this.#behind.add(watcher);
    this.watcherMoved();
    if (this.canTake) queueMicrotask(() => this.#catchUp());
  }

  watcherMoved(): void {
    // What has been asked of another watch says nothing about the one that it has now.
    if (this.#progress === undefined) return;
    this.#progress.abandon();
    this.#progress = undefined;
    queueMicrotask(() => this.#askForProgress());
  }

  fail({ code, details }: GrpcStatus): void {
    this.#call.fail(code, details);
    this.#close();
  }

  #receive(message: Uint8Array): void {
    try {
      this.#requests.push(this.#prepared(decodeMessage(WatchRequest, message)));
    } catch (error) {
      this.#failWith(error);
      return;
    }
    if (this.#requests.length >= MOST_WAITING_REQUESTS) this.#call.pauseReading();
    if (!this.#isAnswering) this.#answerAll().catch((error) => this.#failWith(error));
  }

  async #answerAll(): Promise<void> {
    this.#isAnswering = true;
    try {
      for (let request = this.#requests.shift(); request !== undefined; request = this.#requests.shift()) {
        if (this.#closed) return;
        const { createRequest, cancelRequest, progressRequest } = request.message;
        if (createRequest !== undefined) await this.#create(createRequest, request.access);
        else if (cancelRequest !== undefined) this.#cancel(cancelRequest.watchId);
        else if (progressRequest !== undefined) this.#askForProgress();
        if (this.#requests.length === MOST_WAITING_REQUESTS - 1) this.#call.resumeReading();
      }
    } finally {
      this.#isAnswering = false;
    }
  }

  /** What will be wanted to know of one that waits is asked at once, for all of them. */
  #prepared(message: WatchRequest): WaitingRequest {
    const { createRequest } = message;
    if (createRequest === undefined) return { message, access: undefined };
    const keys = this.#keysIn(createRequest);
    const mayJoin = isRange(keys) && (this.#isAnswering || this.#ranges.isWatched(keys));
    return { message, access: mayJoin ? this.#checks.check(keys) : undefined };
  }

  #keysIn({ key, rangeEnd, prevKv }: WatchCreateRequest): WatchedKeys {
    return {
      key: key.length === 0 && this.#prefix.isEmpty ? FIRST_KEY : this.#prefix.key(key),
      rangeEnd: this.#prefix.end(rangeEnd),
      prevKv,
      identity: this.#identity,
    };
  }

  /** Resolves when the client has been told that the watcher has begun, or why not. */
  async #create(request: WatchCreateRequest, access: WaitingRequest["access"]): Promise<void> {
    const watcher = new ProxiedWatcher(this, request);
    const { startRevision, watchId } = request;
    if (startRevision < 0n) return watcher.refuse(NO_HEADER, COMPACTED);
    const keys = this.#keysIn(request);
    // A member judges a range that has no keys, and says so in the order in which it looks at things.
    const isDuplicate = watchId !== 0n && this.#watchers.has(watchId) && isRange(keys);
    if (isDuplicate) return watcher.refuse(NO_HEADER, DUPLICATE_ID);
    this.#keysOf.set(watcher, keys);
    const begun = new Promise<void>((resolve) => {
      this.#beginning = { watcher, done: resolve };
    });
    if (
      !this.#ranges.isWatched(keys) ||
      !isRange(keys) ||
      !(await this.#joinWhatIsThere(watcher, keys, access))
    ) {
      if (!watcher.isEnded && !this.#closed) this.#ranges.join(watcher, keys);
    }
    await begun;
  }

  /** True when a watch that is under way gives the watcher what it wants, or the client must not have it. */
  async #joinWhatIsThere(
    watcher: ProxiedWatcher,
    keys: WatchedKeys,
    access: WaitingRequest["access"],
  ): Promise<boolean> {
    let header: ResponseHeader;
    try {
      header = await (access ?? this.#checks.check(keys));
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      if (error.code === Code.UNAVAILABLE) return false;
      watcher.refuse(NO_HEADER, error.details);
      return true;
    }
    if (this.#closed) return true;
    const revision = watcher.nextRevision === 0n ? header.revision + 1n : watcher.nextRevision;
    const watch = this.#ranges.suiting(keys, revision);
    // One that has not begun yet is for those who begin with it.
    if (watch?.created !== true) return false;
    watch.add(watcher);
    watcher.begun(header, revision);
    return true;
  }

  #cancel(id: bigint): void {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined) return;
    this.#watchers.delete(id);
    this.#forget(watcher);
    this.send({ header: watcher.lastHeader, watchId: id, canceled: true });
    // It is no longer waited for.
    if (this.#progress !== undefined) this.watcherMoved();
  }

  #forget(watcher: ProxiedWatcher): void {
    this.#behind.delete(watcher);
    this.#keysOf.delete(watcher);
    watcher.isEnded = true;
    watcher.source?.remove(watcher);
  }

  #catchUp(): void {
    if (this.#closed || !this.canTake) return;
    const watchers = [...this.#behind];
    this.#behind.clear();
    for (const watcher of watchers) {
      const keys = this.#keysOf.get(watcher);
      if (keys !== undefined && !watcher.isEnded) this.#ranges.join(watcher, keys);
    }
  }

  /** One answer for the whole call, when all of its watchers are as far. As from a member there is none when they cannot be. */
  #askForProgress(): void {
    if (this.#closed) return;
    if (this.#progress !== undefined) {
      this.#progress.askAgain();
      return;
    }
    const watches = new Set<WatcherSource>();
    for (const { source } of this.#watchers.values()) {
      // It is behind, or has been ended and not been given up by the client.
      if (source === undefined) return;
      watches.add(source);
    }
    if (watches.size === 0) return;
    this.#progress = new ProgressRound(watches, (header) => {
      this.#progress = undefined;
      // Some begin later, or have come from a watch that was further.
      const isTrue = [...this.#watchers.values()].every(
        ({ nextRevision }) => nextRevision <= header.revision + 1n,
      );
      if (isTrue) this.send({ header, watchId: -1n });
    });
  }

  #failWith(error: unknown): void {
    failCall(this.#call, error);
    this.#close();
  }

  #ended(watcher: ProxiedWatcher): void {
    if (this.#beginning?.watcher !== watcher) return;
    const { done } = this.#beginning;
    this.#beginning = undefined;
    done();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClosed();
    this.#progress?.abandon();
    this.#progress = undefined;
    for (const watcher of [...this.#keysOf.keys()]) this.#forget(watcher);
    this.#watchers.clear();
    this.#requests.length = 0;
    this.#beginning?.done();
    this.#beginning = undefined;
  }

  #freeId(): bigint {
    while (this.#watchers.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }
}

const NO_HEADER: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n };
const FIRST_KEY = Uint8Array.of(0);

function isRange({ key, rangeEnd }: WatchedKeys): boolean {
  if (rangeEnd.length === 0 || (rangeEnd.length === 1 && rangeEnd[0] === 0)) return true;
  return Buffer.compare(key, rangeEnd) < 0;
}
