import type { Pace, Protocol } from "./call.ts";
import type { Fields } from "./requests.ts";
import type { Store } from "./store.ts";

/** How a shape is asked for. */
export interface Way {
  readonly protocol: Protocol;
  readonly pace: Pace;
  /** So many calls at once, each over a connection of its own. */
  readonly times: number;
}

/** One kind of request that touches much. */
export interface Shape {
  /** Service and method: `KV/Range`. */
  readonly method: string;
  readonly what: string;
  readonly ways: readonly Way[];
  /** Of the call with this number among those at once; all requests of a stream. */
  requests(store: Store, number: number): readonly Fields[];
  /** What a call answers at least when it is read to its end, so that no suite passes on errors and nothings. */
  leastBytes(store: Store): number;
  /** The error that the call ends with, where that is its answer. */
  readonly refusal?: RegExp;
  /** A stream is over when nothing has come for so long. */
  readonly quietMs?: number;
  /** Before every run. */
  readonly prepare?: (store: Store) => Promise<void>;
  /** `meanwhile` begins when the member has so many watchers; without it, after a moment. */
  readonly watchers?: number;
  /** Goes on beside the calls, e.g. changes for watchers. */
  readonly meanwhile?: (store: Store) => Promise<void>;
  /** It is an entry of the log, or several: later entries wait until it is applied, so puts may as long as the calls take. */
  readonly isEntry?: true;
  /** What goes on beside the calls is one entry: puts may wait as long as that takes. */
  readonly isOneEntryMeanwhile?: true;
  /** A turn beyond the limit that is known, in milliseconds, and what makes it so long. */
  readonly known?: { readonly turnMs: number; readonly why: string };
}

const ways = (protocol: Protocol, pace: Pace, ...times: readonly number[]): Way[] =>
  times.map((each) => ({ protocol, pace, times: each }));

/** Answers that are small, or calls that change too much to be repeated at will. */
export const ALONE: readonly Way[] = [...ways("gRPC", "fast", 1), ...ways("JSON", "fast", 1)];

export const SMALL: readonly Way[] = [...ways("gRPC", "fast", 1, 10), ...ways("JSON", "fast", 1, 10)];

/** Answers that a client may leave unread. */
export const LARGE: readonly Way[] = [
  ...SMALL,
  ...ways("gRPC", "slow", 10),
  ...ways("gRPC", "none", 10),
  ...ways("JSON", "slow", 10),
  ...ways("JSON", "none", 10),
];

/** Methods that the JSON gateway does not offer. */
export function onlyGrpc(all: readonly Way[]): readonly Way[] {
  return all.filter(({ protocol }) => protocol === "gRPC");
}

/**
 * A shape in few ways, for a run that is to be short: ten at once over both protocols, and over gRPC by clients that do
 * not read.
 */
export function ofEachOnce(shape: Shape): Shape {
  const isWorst = ({ pace, times, protocol }: Way): boolean =>
    pace === "fast" ? times === 10 : pace === "none" && protocol === "gRPC";
  const worst = shape.ways.filter(isWorst);
  return { ...shape, ways: worst.length > 0 ? worst : shape.ways.slice(0, 1) };
}
