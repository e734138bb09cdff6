import { isUtf8 as isUtf8Bytes } from "node:buffer";
import type { ServerCall } from "@quorate/rpc/server";
import { GrpcError } from "@quorate/rpc/status";
import { decodeRangeRequest, WireError } from "@quorate/wire/hot";
import {
  decodingText,
  FAILURES,
  type FailureCode,
  grpcError,
  isRefusedWith,
  RequestError,
  type Status,
  statusOf,
} from "../errors.ts";
import { CallCounts, OWN_CALL } from "./call-counts.ts";
import { ClientLimiter } from "./client-limiter.ts";
import type { CallContext } from "./context.ts";
import type { Identity } from "./identities.ts";
import { type CallObserver, ObservedCall } from "./observed-calls.ts";
import { tellWhenToRetry } from "./request-limiter.ts";

const STATUS_PATH = "/etcdserverpb.Maintenance/Status";
const RANGE_PATH = "/etcdserverpb.KV/Range";
const SNAPSHOT_PATH = "/etcdserverpb.Maintenance/Snapshot";

/** What waits of proposals is applied within about as long, unless a disk hangs. */
const OVERLOAD_RETRY_MS = 1_000;

/** `message` is borrowed: valid only during the call. */
export type UnaryHandler = (message: Uint8Array, call: ServerCall) => void;
export type StreamHandler = (call: ServerCall) => void;

/** All methods of a member by their full path; the gRPC server and the JSON gateway serve the same ones. */
export class Services {
  readonly unary = new Map<string, UnaryHandler>();
  readonly streams = new Map<string, StreamHandler>();
  /** The same for calls that are made to serve another one, of which alone an observer hears. */
  readonly inner: Pick<Services, "unary" | "streams">;
  readonly counts = new CallCounts();
  readonly #context: CallContext;
  readonly #observer: CallObserver | undefined;

  /** `observer` hears of every call; without one none costs anything for it. */
  constructor(context: CallContext, observer?: CallObserver) {
    this.#context = context;
    this.#observer = observer;
    this.inner = observer === undefined ? this : { unary: new Map(), streams: new Map() };
  }

  /** A unary method. What `handle` throws becomes the call's status. With `isOpen` nobody asks who makes a call. */
  addUnary(path: string, method: UnaryHandler, isOpen = false): void {
    const context = this.#context;
    const { counts } = this;
    counts.add(path);
    const limited = limitedUnary(context, path, method);
    this.#setUnary(path, (message, call) => {
      const handle = call.userData === OWN_CALL ? method : limited;
      const mayRun = !context.membership.isLearner || isUnaryForLearners(path, message);
      const refusal = refusalOf(context, counts, call, mayRun, false);
      if (refusal !== undefined) {
        refuse(call, refusal);
        return;
      }
      const { identities } = context;
      if (isOpen) serve(message, call, handle);
      else if (identities.areNeeded) serveKnown(identities.of(call), message, call, handle);
      else {
        // It may become somebody's while it waits: see `identified`.
        call.userData = identities;
        serve(message, call, handle);
      }
    });
  }

  /** As `addUnary`, for methods off the hot path that answer later; the promise's value is the encoded response. */
  addAsync(
    path: string,
    handle: (message: Uint8Array, call: ServerCall) => Promise<Uint8Array>,
    isOpen = false,
  ): void {
    const answer = (message: Uint8Array, call: ServerCall): void => {
      handle(message, call)
        .then((response) => call.reply(response))
        .catch((error: unknown) => failCall(call, error));
    };
    this.addUnary(path, answer, isOpen);
  }

  /**
   * A method that takes one request and answers with a stream. What `handle` throws becomes the call's status; a second
   * request, or none, fails the call.
   */
  addServerStream<Request>(
    path: string,
    decode: (message: Uint8Array) => Request,
    handle: (request: Request, call: ServerCall) => void,
  ): void {
    this.addStream(path, (call) => {
      let hasRequest = false;
      call.onMessage = (message) => {
        if (hasRequest) throw grpcError("SEVERAL_STREAM_REQUESTS");
        hasRequest = true;
        try {
          // It is borrowed, and what is decoded of it may be views on it.
          handle(requestOfStream(decode, message.slice()), call);
        } catch (error) {
          failCall(call, error);
        }
      };
      call.onHalfClose = () => {
        if (!hasRequest) throw grpcError("NO_STREAM_REQUEST");
      };
    });
  }

  /** A streaming method of any kind. */
  addStream(path: string, method: StreamHandler): void {
    const context = this.#context;
    const { counts } = this;
    counts.add(path);
    const limited = limitedStream(context, path, method);
    this.#setStream(path, (call) => {
      const handle = call.userData === OWN_CALL ? method : limited;
      const mayRun = !context.membership.isLearner || path === SNAPSHOT_PATH;
      const refusal = refusalOf(context, counts, call, mayRun, true);
      if (refusal !== undefined) {
        refuse(call, refusal);
        return;
      }
      const identity = context.identities.of(call);
      call.userData = identity;
      if (identity.isExamined) beginKnown(identity, call, handle);
      else beginLater(identity, call, handle);
    });
  }

  #setUnary(path: string, handle: UnaryHandler): void {
    const observer = this.#observer;
    this.inner.unary.set(path, handle);
    if (observer === undefined) return;
    this.unary.set(path, (message, call) => {
      const observed = new ObservedCall(call, observer, false);
      observed.requested(message);
      observed.guard(() => handle(message, observed));
    });
  }

  #setStream(path: string, handle: StreamHandler): void {
    const observer = this.#observer;
    this.inner.streams.set(path, handle);
    if (observer === undefined) return;
    this.streams.set(path, (call) => {
      const observed = new ObservedCall(call, observer, true);
      observed.guard(() => handle(observed));
    });
  }
}

/** The same function where nothing is limited. A call that serves another one is reckoned with that. */
function limitedUnary({ limiter }: CallContext, path: string, method: UnaryHandler): UnaryHandler {
  if (limiter === undefined || !ClientLimiter.limits(path)) return method;
  return (message, call) => {
    if (limiter.admits(call, message.length)) method(message, call);
  };
}

/** As `limitedUnary`: a stream counts when it begins. */
function limitedStream({ limiter }: CallContext, path: string, method: StreamHandler): StreamHandler {
  if (limiter === undefined || !ClientLimiter.limits(path)) return method;
  return (call) => {
    if (limiter.admits(call, 0)) method(call);
  };
}

function serve(message: Uint8Array, call: ServerCall, handle: UnaryHandler): void {
  try {
    handle(message, call);
  } catch (error) {
    failCall(call, error);
  }
}

/** As `serve`, once it can be said who makes the call. */
function serveKnown(identity: Identity, message: Uint8Array, call: ServerCall, handle: UnaryHandler): void {
  call.userData = identity;
  if (identity.isExamined) {
    tellObserver(call, identity);
    serve(message, call, handle);
    return;
  }
  const owned = message.slice();
  void identity.examine(call).then(() => {
    if (call.ended) return;
    tellObserver(call, identity);
    serve(owned, call, handle);
  });
}

function tellObserver(call: ServerCall, identity: Identity): void {
  if (call instanceof ObservedCall) call.identified(identity.caller);
}

function beginKnown(identity: Identity, call: ServerCall, handle: StreamHandler): void {
  tellObserver(call, identity);
  begin(call, handle);
}

function begin(call: ServerCall, handle: StreamHandler): void {
  try {
    handle(call);
  } catch (error) {
    // The call is failed for the handler, not by it: so it is told, for what it may have begun.
    const status = statusOfRequest(error);
    throw status === undefined ? error : new GrpcError(...status);
  }
}

/** As `beginKnown`, once it can be said who makes the call: until then nothing of it is read. */
function beginLater(identity: Identity, call: ServerCall, handle: StreamHandler): void {
  call.pauseReading();
  void identity.examine(call).then(() => {
    if (call.ended) return;
    try {
      beginKnown(identity, call, handle);
    } catch (error) {
      call.failWith(error);
      return;
    }
    call.resumeReading();
  });
}

/** A request that has come on a stream; throws the status that clients are told when it is none. */
export function requestOfStream<Request>(
  decode: (message: Uint8Array) => Request,
  message: Uint8Array,
): Request {
  try {
    return decode(message);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw grpcError("MALFORMED_STREAM_REQUEST", decodingText(error));
  }
}

/** Ends a call with the status of `error`. One that no client is told of is a defect of ours: it is reported (`failWith`). */
export function failCall(call: ServerCall, error: unknown): void {
  if (call.ended) return;
  const status = statusOfRequest(error);
  if (status === undefined) call.failWith(error);
  else {
    if (isRefusedWith(error, "TOO_MANY_REQUESTS")) tellWhenToRetry(call, OVERLOAD_RETRY_MS);
    call.fail(...status);
  }
}

function statusOfRequest(error: unknown): Status | undefined {
  if (error instanceof GrpcError) return [error.code, error.details];
  if (!(error instanceof WireError)) return statusOf(error);
  return new RequestError("MALFORMED_REQUEST", decodingText(error)).status;
}

function refuse(call: ServerCall, failure: FailureCode): void {
  const [code, message] = FAILURES[failure];
  call.fail(code, message);
}

/** The checks that come before any method, in etcd's order. `mayRun`: on this kind of member. */
function refusalOf(
  context: CallContext,
  counts: CallCounts,
  call: ServerCall,
  mayRun: boolean,
  isStream: boolean,
): FailureCode | undefined {
  if (context.membership.version === undefined) return "NOT_CAPABLE";
  if (!mayRun) return "NOT_SUPPORTED_FOR_LEARNER";
  const clientVersion = call.metadata("client-api-version");
  if (clientVersion !== undefined && !isUtf8(clientVersion)) return "INVALID_CLIENT_API_VERSION";
  if (call.userData !== OWN_CALL) counts.count(clientVersion, isStream);
  if (context.consensus.leader === 0n && call.metadata("hasleader") === "true") return "NO_LEADER";
  return undefined;
}

/** What a learner may lag behind with: its status, and reads that ask for no more than its own state. */
function isUnaryForLearners(path: string, message: Uint8Array): boolean {
  if (path === STATUS_PATH) return true;
  if (path !== RANGE_PATH) return false;
  try {
    return decodeRangeRequest(message).serializable;
  } catch {
    // The method itself answers what is wrong with the message.
    return true;
  }
}

/** Longer ones, which may have megabytes, are looked at by the runtime, many octets at a time. */
const SHORT_CHARS = 256;

/** Metadata arrives as one character a byte. */
function isUtf8(latin1: string): boolean {
  if (latin1.length <= SHORT_CHARS && isAscii(latin1)) return true;
  return isUtf8Bytes(Buffer.from(latin1, "latin1"));
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
