import { Code, type GrpcStatus } from "@quorate/rpc/status";
import { decodeMessage, encodeMessage, WatchRequest, WatchResponse } from "@quorate/wire/messages";
import type { Identity } from "../members/caller.ts";
import { type Members, type OpenStream, pause } from "../members/members.ts";

const WATCH = "/etcdserverpb.Watch/Watch";

/** What is watched, as the cluster has it, and for whom. */
export interface WatchedKeys {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly prevKv: boolean;
  readonly identity: Identity;
}

export interface UpstreamReceiver {
  /** Where the watch is to go on: the first revision that has not come yet; 0 before it is known where it begins. */
  readonly nextRevision: bigint;
  onResponse(response: WatchResponse): void;
  /** Nothing comes any more: no member may be asked again. */
  onFailure(status: GrpcStatus): void;
}

/** A watch of a member: one stream, begun again with another member when it is lost. */
export class UpstreamWatch {
  readonly #members: Members;
  readonly #keys: WatchedKeys;
  readonly #receiver: UpstreamReceiver;
  #open: OpenStream | undefined;
  #failures = 0;
  #closed = false;

  constructor(members: Members, keys: WatchedKeys, receiver: UpstreamReceiver) {
    this.#members = members;
    this.#keys = keys;
    this.#receiver = receiver;
    void this.#begin();
  }

  /** The member tells how far the watch has come; nothing while there is no stream. */
  requestProgress(): void {
    this.#open?.stream.send(encodeMessage(WatchRequest, { progressRequest: {} }));
  }

  close(): void {
    this.#closed = true;
    this.#open?.stream.cancel();
    this.#open = undefined;
  }

  async #begin(): Promise<void> {
    const { metadata } = this.#keys.identity;
    while (!this.#closed) {
      try {
        const open = await this.#members.open(WATCH, { metadata, deadlineMs: Number.POSITIVE_INFINITY });
        this.#watchOn(open);
        return;
      } catch {
        // Nobody can be reached: clients wait, as they would without the proxy.
        await pause(++this.#failures);
      }
    }
  }

  #watchOn(open: OpenStream): void {
    const { stream } = open;
    if (this.#closed) {
      stream.cancel();
      return;
    }
    this.#open = open;
    stream.onMessage = (message) => {
      this.#failures = 0;
      if (!this.#closed) this.#receiver.onResponse(decodeMessage(WatchResponse, message.slice()));
    };
    stream.onEnd = (status) => {
      if (this.#closed) return;
      this.#open = undefined;
      if (!mayGoOn(status)) return this.#receiver.onFailure(status);
      this.#members.leave(open);
      void pause(++this.#failures).then(() => this.#begin());
    };
    const { key, rangeEnd, prevKv } = this.#keys;
    const { nextRevision } = this.#receiver;
    stream.send(
      encodeMessage(WatchRequest, {
        createRequest: { key, rangeEnd, prevKv, startRevision: nextRevision, progressNotify: true },
      }),
    );
  }
}

const NO_LEADER = "etcdserver: no leader";

/** With another stream, after this one has ended so. */
function mayGoOn({ code, details }: GrpcStatus): boolean {
  if (code === Code.OK || code === Code.INTERNAL || code === Code.CANCELLED) return true;
  return code === Code.UNAVAILABLE && details !== NO_LEADER;
}
