import type { GrpcStatus } from "@quorate/rpc/status";
import { Code } from "@quorate/rpc/status";
import {
  decodeMessage,
  encodeMessage,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
} from "@quorate/wire/messages";
import type { Identity } from "../members/caller.ts";
import { type Members, type OpenStream, pause } from "../members/members.ts";

const KEEP_ALIVE = "/etcdserverpb.Lease/LeaseKeepAlive";

export interface KeepAliveWaiter {
  answered(lease: bigint, response: Uint8Array): void;
  failed(status: GrpcStatus): void;
}

/**
 * Keep-alives of all clients of one identity, on one stream to a member. Those for a lease of which one is under way get the
 * same answer; without an answer they are sent again to another member.
 */
export class KeepAlives {
  readonly #members: Members;
  readonly #identity: Identity;
  readonly #waiters = new Map<bigint, Set<KeepAliveWaiter>>();
  #users = 0;
  #open: OpenStream | undefined;
  #isOpening = false;
  #failures = 0;

  constructor(members: Members, identity: Identity) {
    this.#members = members;
    this.#identity = identity;
  }

  get users(): number {
    return this.#users;
  }

  enter(): void {
    this.#users++;
  }

  /** Who leaves gets no answers any more. The stream to the member ends with the last one. */
  leave(waiter: KeepAliveWaiter): void {
    this.#users--;
    for (const [lease, waiters] of this.#waiters) {
      waiters.delete(waiter);
      if (waiters.size === 0) this.#waiters.delete(lease);
    }
    if (this.#users > 0) return;
    this.#open?.stream.cancel();
    this.#open = undefined;
  }

  ask(lease: bigint, waiter: KeepAliveWaiter): void {
    const waiters = this.#waiters.get(lease);
    if (waiters !== undefined) return void waiters.add(waiter);
    this.#waiters.set(lease, new Set([waiter]));
    if (this.#open !== undefined) this.#send(this.#open, lease);
    else if (!this.#isOpening) void this.#begin();
  }

  async #begin(): Promise<void> {
    this.#isOpening = true;
    const { metadata } = this.#identity;
    while (this.#users > 0) {
      try {
        const open = await this.#members.open(KEEP_ALIVE, { metadata, deadlineMs: Number.POSITIVE_INFINITY });
        this.#isOpening = false;
        return this.#use(open);
      } catch {
        // Nobody can be reached. The leases may end meanwhile, which an answer will tell.
        await pause(++this.#failures);
      }
    }
    this.#isOpening = false;
  }

  #use(open: OpenStream): void {
    const { stream } = open;
    if (this.#users === 0) {
      stream.cancel();
      return;
    }
    this.#open = open;
    stream.onMessage = (message) => {
      this.#failures = 0;
      const response = message.slice();
      const { ID } = decodeMessage(LeaseKeepAliveResponse, response);
      const waiters = this.#waiters.get(ID);
      this.#waiters.delete(ID);
      for (const waiter of waiters ?? []) waiter.answered(ID, response);
    };
    stream.onEnd = (status) => {
      if (this.#open !== open) return;
      this.#open = undefined;
      if (mayGoOn(status)) {
        this.#members.leave(open);
        if (this.#waiters.size === 0) return;
        this.#isOpening = true;
        void pause(++this.#failures).then(() => this.#begin());
      } else this.#fail(status);
    };
    for (const lease of this.#waiters.keys()) this.#send(open, lease);
  }

  #send({ stream }: OpenStream, lease: bigint): void {
    stream.send(encodeMessage(LeaseKeepAliveRequest, { ID: lease }));
  }

  #fail(status: GrpcStatus): void {
    const waiters = new Set([...this.#waiters.values()].flatMap((each) => [...each]));
    this.#waiters.clear();
    for (const waiter of waiters) waiter.failed(status);
  }
}

/** Members that stop, or have no leader at the moment, are no end of the clients' streams. */
function mayGoOn({ code, details }: GrpcStatus): boolean {
  if (code === Code.OK || code === Code.INTERNAL) return true;
  return code === Code.UNAVAILABLE && details !== "etcdserver: no leader";
}
