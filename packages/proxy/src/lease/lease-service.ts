import type { GrpcServer, ServerCall } from "@quorate/rpc/server";
import { Code, type GrpcStatus } from "@quorate/rpc/status";
import { WireError } from "@quorate/wire/hot";
import {
  decodeMessage,
  encodeMessage,
  LeaseKeepAliveRequest,
  LeaseTimeToLiveResponse,
} from "@quorate/wire/messages";
import type { RangeCache } from "../cache/range-cache.ts";
import { answering, forwarding } from "../forwarding/unary.ts";
import { identityOf } from "../members/caller.ts";
import type { Members } from "../members/members.ts";
import type { Prefix } from "../namespace/prefix.ts";
import { strippedLease } from "../namespace/responses.ts";
import { KeepAlives, type KeepAliveWaiter } from "./keep-alives.ts";

const SERVICE = "/etcdserverpb.Lease";
/** As many leases of one call may wait for an answer; then it is not read from. */
const MOST_UNANSWERED = 10_000;

export interface LeaseOptions {
  readonly members: Members;
  readonly cache: RangeCache;
  readonly prefix: Prefix;
}

/** Leases. Keep-alives of many clients go over one stream. */
export class LeaseService {
  readonly #members: Members;
  readonly #cache: RangeCache;
  readonly #prefix: Prefix;
  readonly #keepAlives = new Map<string, KeepAlives>();

  constructor({ members, cache, prefix }: LeaseOptions) {
    this.#members = members;
    this.#cache = cache;
    this.#prefix = prefix;
  }

  register(server: GrpcServer): void {
    const members = this.#members;
    server.unary(`${SERVICE}/LeaseGrant`, answering(forwarding(members, `${SERVICE}/LeaseGrant`, false)));
    server.unary(`${SERVICE}/LeaseLeases`, answering(forwarding(members, `${SERVICE}/LeaseLeases`, true)));
    const revoke = forwarding(members, `${SERVICE}/LeaseRevoke`, false);
    server.unary(
      `${SERVICE}/LeaseRevoke`,
      answering(async (message, onward, call) => {
        try {
          return await revoke(message, onward, call);
        } finally {
          // Its keys go with it, whichever they are.
          this.#cache.clear();
        }
      }),
    );
    const timeToLive = forwarding(members, `${SERVICE}/LeaseTimeToLive`, true);
    server.unary(
      `${SERVICE}/LeaseTimeToLive`,
      answering(async (message, onward, call) => {
        const answer = await timeToLive(message, onward, call);
        if (this.#prefix.isEmpty) return answer;
        const response = decodeMessage(LeaseTimeToLiveResponse, answer);
        return encodeMessage(LeaseTimeToLiveResponse, strippedLease(this.#prefix, response));
      }),
    );
    server.stream(`${SERVICE}/LeaseKeepAlive`, (call) => this.#keepAlive(call));
  }

  #keepAlive(call: ServerCall): void {
    const identity = identityOf(call);
    let keepAlives = this.#keepAlives.get(identity.key);
    if (keepAlives === undefined) {
      keepAlives = new KeepAlives(this.#members, identity);
      this.#keepAlives.set(identity.key, keepAlives);
    }
    const shared = keepAlives;
    serveKeepAlives(call, shared, () => {
      if (shared.users === 0) this.#keepAlives.delete(identity.key);
    });
  }
}

/** One call of a client: each of its requests gets an answer. */
function serveKeepAlives(call: ServerCall, shared: KeepAlives, onLeft: () => void): void {
  /** How many answers are wanted, by lease. */
  const wanted = new Map<bigint, number>();
  let isHalfClosed = false;
  let hasLeft = false;
  const leave = () => {
    if (hasLeft) return;
    hasLeft = true;
    shared.leave(waiter);
    onLeft();
  };
  const waiter: KeepAliveWaiter = {
    answered(lease: bigint, response: Uint8Array): void {
      let count = wanted.get(lease) ?? 0;
      wanted.delete(lease);
      let takesMore = true;
      for (; count > 0; count--) takesMore = call.send(response);
      if (isHalfClosed && wanted.size === 0) {
        leave();
        call.end();
      } else if (takesMore) call.resumeReading();
      else call.pauseReading();
    },
    failed({ code, details }: GrpcStatus): void {
      leave();
      call.fail(code, details);
    },
  };
  shared.enter();
  call.onMessage = (message) => {
    const ID = idIn(message);
    if (ID === undefined) {
      leave();
      call.fail(Code.INTERNAL, "grpc: error unmarshalling request");
      return;
    }
    wanted.set(ID, Math.min((wanted.get(ID) ?? 0) + 1, MOST_UNANSWERED));
    if (wanted.size >= MOST_UNANSWERED) call.pauseReading();
    shared.ask(ID, waiter);
  };
  call.onDrain = () => call.resumeReading();
  call.onHalfClose = () => {
    isHalfClosed = true;
    if (wanted.size > 0) return;
    leave();
    call.end();
  };
  call.onCancel = leave;
  call.sendHeaders();
}

/** undefined when the message is none. */
function idIn(message: Uint8Array): bigint | undefined {
  try {
    return decodeMessage(LeaseKeepAliveRequest, message).ID;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
