import type { GrpcStatus } from "@quorate/rpc/status";
import type { ResponseHeader, WatchCreateRequest, WatchResponse } from "@quorate/wire/messages";
import { type FilterMask, filterMask } from "./event-filter.ts";
import type { SharedResponse } from "./shared-response.ts";

/** Where a watcher gets what happens from. */
export interface WatcherSource {
  /** It gets nothing any more. */
  remove(watcher: ProxiedWatcher): void;
  /** `answer` gets the header that says how far all watchers have come, once; not when the source ends before. */
  requestProgress(answer: (header: ResponseHeader) => void): void;
  forgetProgress(answer: (header: ResponseHeader) => void): void;
}

/** The call that a watcher belongs to. */
export interface WatcherCall {
  /** It takes more without a queue that grows. */
  readonly canTake: boolean;
  send(response: { readonly [Name in keyof WatchResponse]?: WatchResponse[Name] | undefined }): void;
  sendInParts(parts: readonly Uint8Array[]): void;
  /** Gives the watcher its ID. */
  watcherBegun(watcher: ProxiedWatcher): bigint;
  /** The watcher will not begin. */
  watcherRefused(watcher: ProxiedWatcher): void;
  /** It will get what it lacks when the call can take it. */
  watcherBehind(watcher: ProxiedWatcher): void;
  /** It gets what comes from another watch now, or from none. */
  watcherMoved(): void;
  fail(status: GrpcStatus): void;
}

/** A watcher of a client: what it wants, and how far it has come. */
export class ProxiedWatcher {
  readonly #call: WatcherCall;
  readonly #mask: FilterMask;
  readonly #wantsProgress: boolean;
  readonly #wantsFragments: boolean;
  readonly requestedId: bigint;
  /** From which it gets what happens; undefined while it is behind, and when it has ended. */
  source: WatcherSource | undefined;
  /** All before has been sent; 0 as long as it is not known where it begins. */
  nextRevision: bigint;
  id = 0n;
  isCreated = false;
  /** A member has ended it, and the client has been told. */
  isEnded = false;
  #lastHeader: ResponseHeader | undefined;

  constructor(call: WatcherCall, request: WatchCreateRequest) {
    this.#call = call;
    this.#mask = filterMask(request.filters);
    this.#wantsProgress = request.progressNotify;
    this.#wantsFragments = request.fragment;
    this.requestedId = request.watchId;
    this.nextRevision = request.startRevision;
  }

  get canTake(): boolean {
    return this.#call.canTake;
  }

  get lastHeader(): ResponseHeader | undefined {
    return this.#lastHeader;
  }

  /** A member watches for it; what was sent before such a watch was begun again does not come again. */
  begun(header: ResponseHeader | undefined, nextRevision: bigint): void {
    if (this.nextRevision === 0n) this.nextRevision = nextRevision;
    if (this.isCreated) return;
    this.isCreated = true;
    this.#lastHeader = header;
    this.id = this.#call.watcherBegun(this);
    this.#call.send({ header, watchId: this.id, created: true });
  }

  /** `next` is the revision behind the response's events. */
  deliver(response: SharedResponse, next: bigint): void {
    const from = this.nextRevision;
    if (next <= from) return;
    this.nextRevision = next;
    for (const parts of response.messagesFor(this.id, this.#mask, from, this.#wantsFragments)) {
      this.#call.sendInParts(parts);
    }
  }

  /** `next`: all before it has come. Who asked for it all along is not told when somebody has asked once. */
  progressed(header: ResponseHeader, next: bigint, isRequested: boolean): void {
    // One that is to begin later, or came from a watch that was further, has nothing to be told.
    const isNews = header.revision >= this.nextRevision - 1n;
    if (next > this.nextRevision) this.nextRevision = next;
    if (!isNews) return;
    this.#lastHeader = header;
    if (this.#wantsProgress && !isRequested && this.canTake) this.#call.send({ header, watchId: this.id });
  }

  /** The call cannot take what comes: later the watcher gets it from a watch that begins where it stopped. */
  leaveBehind(): void {
    this.source?.remove(this);
    this.#call.watcherBehind(this);
  }

  moved(): void {
    this.#call.watcherMoved();
  }

  canceled({ header, compactRevision, cancelReason }: WatchResponse): void {
    if (!this.isCreated) {
      this.refuse(header, cancelReason);
      return;
    }
    this.isEnded = true;
    this.#call.watcherMoved();
    this.#call.send({ header, watchId: this.id, canceled: true, compactRevision, cancelReason });
  }

  refuse(header: ResponseHeader | undefined, cancelReason: string): void {
    this.isEnded = true;
    this.#call.send({ header, watchId: -1n, created: true, canceled: true, cancelReason });
    this.#call.watcherRefused(this);
  }

  fail(status: GrpcStatus): void {
    this.#call.fail(status);
  }
}
