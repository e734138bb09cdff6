import type { ServerCall } from "@quorate/rpc/server";
import type { Steps } from "@quorate/storage/slices";
import { RequestError } from "../errors.ts";
import type { Needs } from "./access.ts";
import type { Caller } from "./caller.ts";
import type { ResponseHeaders } from "./response-headers.ts";
import type { ReplicatedState } from "./state.ts";

/** What is known of keys without going through them. */
export interface KeyCounts {
  /** Live keys of an interval as requests name one that is no single key. */
  liveKeys(key: Uint8Array, rangeEnd: Uint8Array): number;
}

/** Keys of an interval, or of a single key none: those are few in any request. */
export function keysOfInterval(
  { key, rangeEnd }: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array },
  store: KeyCounts,
): number {
  return rangeEnd.length === 0 ? 0 : store.liveKeys(key, rangeEnd);
}

/** What a member allows of a request, whatever the state. */
export interface RequestLimits {
  readonly maxTxnOps: number;
}

/** All about one operation that goes through the log, from its bytes to its effect. */
export interface Operation<Request, Outcome> {
  /** Number of its field in `InternalRaftRequest`. */
  readonly field: number;
  /** Throws WireError. The request may keep views on `bytes`. */
  decode(bytes: Uint8Array, start: number, end: number): Request;
  /** Refuses (RequestError) what is wrong with a request whatever the state, before it is proposed. */
  check(request: Request, limits: RequestLimits): void;
  /** Bytes that it is reckoned to need of the space quota; 0: it is executed without any space left. */
  costBytes(request: Request): number;
  /** What its caller needs for it to be proposed. */
  needsOfProposer(request: Request, needs: Needs): void;
  /** What its caller needs for it to be applied. */
  needsWhenApplied(request: Request, needs: Needs): void;
  /** It is proposed for longer than others when applying falls behind, with feature `PriorityRequest`. */
  readonly isUrgent: boolean;
  /** It is applied also while an alarm says that the members' data differ. */
  readonly runsWhenCorrupt: boolean;
  /**
   * Changes the state, by what the request says alone: alike on every member. What it throws (RequestError) is a result like
   * any other and leaves no trace. A promise takes more than one turn, as much work as it is: until it has settled nothing
   * else may be applied, and readers see the state before it. Without `isAwaited` nobody looks at the outcome, which may
   * then lack what was only to be told.
   */
  apply(state: ReplicatedState, request: Request, isAwaited: boolean): Outcome | Promise<Outcome>;
}

/** An operation that clients ask for, each as a unary call. */
export interface ClientOperation<Request, Outcome> extends Operation<Request, Outcome> {
  /**
   * Of one whose requests decide how long its entry takes: how many keys it goes through at most, as far as can be told
   * before it is proposed.
   */
  keysInEntry?(request: Request, store: KeyCounts): number;
  /**
   * Called before anything else is applied. What is still to be read is answered later: the promise rejects with what the
   * call fails with.
   */
  answer(headers: ResponseHeaders, outcome: Outcome, call: ServerCall): Promise<void> | undefined;
  /** Instead of `answer`, where an outcome may hold memory that is given back: nobody is told it. */
  drop?(outcome: Outcome): void;
}

/** What most operations have in common. */
const USUAL = {
  check: () => {},
  costBytes: () => 0,
  needsOfProposer: () => {},
  needsWhenApplied: () => {},
  isUrgent: false,
  runsWhenCorrupt: false,
};

type Usual = keyof typeof USUAL;
type Said<Whole> = Omit<Whole, Usual> & Partial<Pick<Whole, Usual & keyof Whole>>;

/** An operation of which only what is its own is said. */
export function operation<Request, Outcome>(
  said: Said<Operation<Request, Outcome>>,
): Operation<Request, Outcome> {
  return { ...USUAL, ...said };
}

export function clientOperation<Request, Outcome>(
  said: Said<ClientOperation<Request, Outcome>>,
): ClientOperation<Request, Outcome> {
  return { ...USUAL, ...said };
}

/** Applies one operation after the checks that all have, in etcd's order. `costBytes` is the operation's for the request. */
export function execute<Request, Outcome>(
  { apply, field, needsWhenApplied, runsWhenCorrupt }: Operation<Request, Outcome>,
  state: ReplicatedState,
  request: Request,
  costBytes: number,
  caller: Caller,
  isAwaited: boolean,
): Outcome | Promise<Outcome> {
  const { access, alarms, executed } = state;
  if (executed !== undefined) executed.begin(field);
  try {
    if (!runsWhenCorrupt) {
      if (alarms.corrupt) throw new RequestError("CORRUPT");
      if (alarms.noSpace && costBytes > 0) throw new RequestError("NO_SPACE");
    }
    if (access.isRestricted) needsWhenApplied(request, access.needsOf(caller));
    const outcome = apply(state, request, isAwaited);
    return executed !== undefined && outcome instanceof Promise ? executed.follow(outcome) : outcome;
  } catch (error) {
    executed?.failed(error);
    throw error;
  }
}

/** At once when that is little work, else the rest in later turns. */
export function inSlices<Result>({ store }: ReplicatedState, steps: Steps<Result>): Result | Promise<Result> {
  const { applying } = store;
  const step = applying.begin(steps);
  return step.done ? step.value : applying.rest(steps);
}
