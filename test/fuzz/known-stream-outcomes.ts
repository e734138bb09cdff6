/** Where a member of ours treats a stream of HTTP/2 otherwise than etcd, and means to, while the connection goes on with both. */
import type { rawFrames as raw } from "@quorate/rpc/testing";
import type { Outcome } from "./outcomes.ts";

/** What became of one stream; undefined: nothing by then. */
interface PartedStream {
  readonly ours: string | undefined;
  readonly theirs: string | undefined;
  readonly isSecure: boolean;
  /** All frames of the stream, in order. */
  readonly frames: readonly raw.RawFrame[];
}

interface KnownStreamOutcome {
  readonly name: string;
  readonly reason: string;
  readonly matches: (stream: PartedStream) => boolean;
}

const TYPE = { HEADERS: 1, RESET: 3 } as const;
const END_STREAM = 1;

const OF_STREAMS: readonly KnownStreamOutcome[] = [
  {
    name: "streams that their client resets",
    reason: "whether they are answered before that is heard is a matter of who is faster",
    matches: ({ frames }) => frames.some(({ type }) => type === TYPE.RESET),
  },
  {
    name: "calls that end with their header block",
    reason: "END_STREAM ends a request wherever it stands; etcd's gRPC waits for what cannot come",
    matches: ({ theirs, frames, isSecure }) =>
      !isSecure && theirs === undefined && frames.some(isWholeRequest),
  },
  {
    name: "which of several faults of a call",
    reason: "of messages with several faults another one is named",
    matches: ({ ours, theirs }) =>
      ours !== undefined && theirs !== undefined && withoutFault(ours) === withoutFault(theirs),
  },
  {
    name: "gRPC's status beside one of HTTP's",
    reason: "a malformed call is told both, as etcd tells it without TLS; with TLS that tells one",
    matches: ({ ours, theirs, isSecure }) =>
      isSecure && ours?.replace(/(http [45]\d\d), grpc \d+/, "$1") === theirs,
  },
  {
    name: "HTTP without TLS over HTTP/2",
    reason: "what is not gRPC is answered as over HTTP/1.1 there too; etcd refuses it",
    matches: ({ theirs, isSecure }) => !isSecure && theirs === "http 415, grpc 3, end",
  },
  {
    name: "requests that are malformed",
    reason: "their stream is reset (RFC 9113 section 8.1.1); etcd's server with TLS answers them with 400",
    matches: ({ ours, theirs, isSecure }) => isSecure && ours === "reset 1" && theirs === "http 400, end",
  },
  {
    name: "faults of form that etcd's gRPC passes over",
    reason:
      "RFC 9113 section 6 makes errors of them: sizes, flags, increments of 0, streams that depend on themselves",
    matches: ({ ours, isSecure }) => !isSecure && /^reset [1-9]/.test(ours ?? ""),
  },
  {
    name: "what follows the end of a request",
    reason: "the request may have been answered by then, and that is its end; etcd resets it",
    matches: ({ theirs, frames }) => theirs === "reset 5" && frames.findIndex(ends) < frames.length - 1,
  },
];

/**
 * The name of what explains the first of the streams that parted, when each of them is explained; undefined when one is not, or
 * either of the two has ended the connection.
 */
export function knownStreamOutcome(
  ours: Outcome,
  theirs: Outcome,
  frames: readonly raw.RawFrame[],
  isSecure: boolean,
): string | undefined {
  if (ours.at(-1) !== "open" || theirs.at(-1) !== "open") return undefined;
  const [mine, others] = [streamsOf(ours), streamsOf(theirs)];
  const parted = [...new Set([...mine.keys(), ...others.keys()])].filter(
    (id) => mine.get(id) !== others.get(id),
  );
  const names = parted.map((id) => {
    const stream = {
      ours: mine.get(id),
      theirs: others.get(id),
      isSecure,
      frames: frames.filter((frame) => frame.id === id),
    };
    return OF_STREAMS.find(({ matches }) => matches(stream))?.name;
  });
  return names.includes(undefined) ? undefined : names[0];
}

function streamsOf(outcome: Outcome): Map<number, string> {
  return new Map(
    outcome.slice(0, -1).map((fact) => {
      const [id = "", ...rest] = fact.split(": ");
      return [Number(id), rest.join(": ")];
    }),
  );
}

function ends({ type, flags }: raw.RawFrame): boolean {
  return type <= TYPE.HEADERS && (flags & END_STREAM) !== 0;
}

function isWholeRequest(frame: raw.RawFrame): boolean {
  return frame.type === TYPE.HEADERS && ends(frame);
}

function withoutFault(fact: string): string {
  return fact.replace(/(grpc|reset) [1-9]\d*/, "$1 fault");
}
