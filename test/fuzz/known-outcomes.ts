/** Where a member of ours treats a connection otherwise than etcd, and means to. */
import { rawFrames as raw } from "@quorate/rpc/testing";
import type { Protocol } from "./connection-comparison.ts";
import { knownStreamOutcome } from "./known-stream-outcomes.ts";
import type { Outcome } from "./outcomes.ts";

export interface Parted {
  readonly input: Buffer;
  readonly protocol: Protocol;
  readonly ours: Outcome;
  readonly theirs: Outcome;
}

interface KnownOutcome {
  readonly name: string;
  readonly reason: string;
  readonly matches: (parted: Parted & { readonly text: string }) => boolean;
}

const OF_HTTP1: readonly KnownOutcome[] = [
  {
    name: "what begins like no request of HTTP/1",
    reason:
      "etcd's port without TLS asks for a first line of HTTP/1.x, and closes or waits without a word; here it is answered",
    matches: ({ protocol, theirs, text }) =>
      !protocol.isSecure && theirs.length === 1 && !/^[^\s]+ [^\s]* HTTP\/1\.[01]\r?\n/.test(text),
  },
  {
    name: "methods that nobody has",
    reason:
      "what is no method of HTTP's registry is refused as malformed; etcd answers that it is not allowed",
    matches: ({ ours, text }) => endsRefused(ours) && !hasKnownMethods(text),
  },
  {
    name: "ends of lines and blanks that are none",
    reason: "a line ends with CR and LF (RFC 9112 section 2.2) and nothing else; etcd takes LF alone",
    matches: ({ ours, text }) => endsRefused(ours) && /[^\r]\n|\r[^\n]/.test(text),
  },
  {
    name: "octets that no target has",
    reason: "a target is ASCII without blanks (RFC 3986); etcd takes others as they are",
    matches: ({ ours, text }) =>
      endsRefused(ours) && /(?:^|[^\w])[A-Z]+ [^ \r\n]*[^\x21-\x7e \r\n]/.test(text),
  },
  {
    name: "two ends of one body",
    reason:
      "Content-Length beside Transfer-Encoding is refused (RFC 9112 section 6.1); etcd takes the latter, or refuses that",
    matches: ({ ours, text }) =>
      endsRefused(ours) && /content-length/i.test(text) && /transfer-encoding/i.test(text),
  },
  {
    name: "headers over several lines",
    reason: "they are refused, as RFC 9112 section 5.2 allows; etcd joins the lines",
    matches: ({ ours, text }) => endsRefused(ours) && /:[^\r\n]*\r\n[ \t]+[^\r\n]+\r\n/.test(text),
  },
  {
    name: "one length twice",
    reason: "Content-Length is given once (RFC 9112 section 6.3); etcd takes it twice when both are equal",
    matches: ({ ours, text }) =>
      endsRefused(ours) && /^content-length: *(\d+)\r\n(?:[^\r\n]+\r\n)*content-length: *\1\r$/im.test(text),
  },
  {
    name: "what cannot become a request",
    reason: "it is refused at its first wrong octet; etcd waits for the end of its line",
    matches: ({ ours, theirs }) =>
      endsRefused(ours) && theirs.at(-1) === "open" && isEqual(ours.slice(0, -2), theirs.slice(0, -1)),
  },
  {
    name: "what follows CONNECT",
    reason: "it means nothing, and the connection ends behind the answer; etcd reads it as the next request",
    matches: ({ ours, theirs, text }) =>
      /CONNECT /.test(text) &&
      ours.at(-1) === "closed" &&
      isEqual(ours.slice(0, -1), theirs.slice(0, ours.length - 1)),
  },
  {
    name: "answers that need no body",
    reason: "they are not kept until the body is there; etcd's are",
    matches: ({ ours, theirs }) =>
      theirs.at(-1) === "open" &&
      ours.length > theirs.length &&
      isEqual(ours.slice(0, theirs.length - 1), theirs.slice(0, -1)),
  },
  {
    name: "bodies that are invited",
    reason: "whoever expects to be told to go on is told so at once; etcd's handlers tell it when they read",
    matches: ({ ours, theirs, text }) =>
      /100-continue/i.test(text) && isEqual(without100(ours).slice(0, -1), without100(theirs).slice(0, -1)),
  },
  {
    name: "bodies that are malformed behind their value",
    reason:
      "what is framed wrongly is refused whatever came before; etcd does not look at what follows the value",
    matches: ({ ours, theirs }) =>
      ours.at(-1) === "closed" &&
      ours.at(-2)?.startsWith("400") === true &&
      theirs.at(-1) === "closed" &&
      /^(200|400)/.test(theirs.at(-2) ?? ""),
  },
  {
    name: "metadata that no call can have",
    reason: "etcd's gateway puts it into the call that it makes, and fails by it; here it is left out",
    matches: ({ theirs, text }) =>
      /grpc-metadata-(?::|te:|\s)/i.test(text) && theirs.some((fact) => fact.startsWith("500")),
  },
  {
    name: "which of several faults of a request",
    reason: "a header that is none is found before or behind what the headers say of a coding",
    matches: ({ ours, theirs }) => {
      const [mine, other] = [ours, theirs].map((outcome) => outcome.slice(-2).join(" "));
      const areRefusals = [mine, other].toSorted().join() === "400 closed,501 closed";
      return areRefusals && isEqual(ours.slice(0, -2), theirs.slice(0, -2));
    },
  },
  {
    name: "request lines without a version",
    reason:
      "they are HTTP/0.9's, and refused for their version when their headers are there; etcd refuses the line",
    matches: ({ ours, theirs, text }) =>
      hasLineWithoutVersion(text) &&
      isEqual(theirs.slice(-2), ["400", "closed"]) &&
      (isEqual(ours.slice(-2), ["505", "closed"]) || ours.at(-1) === "open"),
  },
  {
    name: "variables of the process",
    reason: "they are those of Go's runtime",
    matches: ({ text }) => text.includes("/debug/vars"),
  },
];

const METHODS = /(?:GET|HEAD|PUT|OPTIONS|DELETE|PATCH|TRACE|CONNECT|QUERY|POST)/;

/** Whether each line that could begin a request names a method that node:http knows. */
function hasKnownMethods(text: string): boolean {
  const lines = text.match(/(?:^|[}\n])([^\s{}":]*) [^\r\n]* HTTP\/1\.[01]/g) ?? [];
  return lines.every((line) => new RegExp(`(?:^|[}\\n])${METHODS.source} [^ ]* HTTP`).test(line));
}

function hasLineWithoutVersion(text: string): boolean {
  return new RegExp(`(?:^|[}\\n])${METHODS.source} [^ \\r\\n]*\\r?\\n`).test(text);
}

function endsRefused(ours: Outcome): boolean {
  return ours.at(-1) === "closed" && ours.at(-2) === "400";
}

function without100(outcome: Outcome): Outcome {
  return outcome.filter((fact) => fact !== "100");
}

function isEqual(a: Outcome, b: Outcome): boolean {
  return a.length === b.length && a.every((fact, i) => fact === b[i]);
}

const TYPE = { DATA: 0, HEADERS: 1, RESET: 3, SETTINGS: 4, GOAWAY: 7, WINDOW: 8 } as const;

const OF_HTTP2: readonly KnownOutcome[] = [
  {
    name: "connections that end without a word",
    reason: "GOAWAY tells a client what it did wrong (RFC 9113 section 5.4.1); etcd closes the connection",
    matches: ({ ours, theirs }) =>
      ours.length === 1 && /^goaway [1-9]/.test(ours[0]!) && isEqual(theirs, ["closed"]),
  },
  {
    name: "frames of streams that are idle",
    reason: "they end the connection (RFC 9113 section 5.1); etcd's gRPC passes over them",
    matches: ({ ours, input }) => isEqual(ours, ["goaway 1"]) && hasFrameOfIdleStream(input),
  },
  {
    name: "faults of form that etcd's gRPC passes over",
    reason:
      "RFC 9113 section 6 makes errors of them: sizes, flags, increments of 0, streams that depend on themselves",
    matches: ({ ours, theirs, protocol }) =>
      !protocol.isSecure &&
      /^goaway [1-9]/.test(ours[0]!) &&
      !theirs.some((fact) => fact.startsWith("goaway")),
  },
  {
    name: "prefaces that are none",
    reason:
      "their end is told or made (RFC 9113 section 3.4); etcd closes the connection, or waits for the end of a line",
    matches: ({ ours, theirs, input }) =>
      !input.subarray(0, raw.PREFACE.length).equals(raw.PREFACE) &&
      (isEqual(ours, ["goaway 1"]) || isEqual(ours, ["closed"])) &&
      (isEqual(theirs, ["closed"]) || isEqual(theirs, ["open"])),
  },
  {
    name: "settings that are given twice in a frame",
    reason: "the last one holds (RFC 9113 section 6.5.3); etcd's server with TLS refuses them",
    matches: ({ theirs, input, protocol }) =>
      protocol.isSecure && isEqual(theirs, ["goaway 1"]) && framesOf(input).some(repeatsSetting),
  },
  {
    name: "which of several faults of a connection",
    reason: "frames are judged by their headers, and settings in their order; etcd's server judges otherwise",
    matches: ({ ours, theirs, protocol }) =>
      protocol.isSecure && /^goaway [1-9]/.test(ours[0]!) && /^goaway [1-9]/.test(theirs[0]!),
  },
  {
    name: "padding and dependencies that cannot be",
    reason:
      "they end the connection (RFC 9113 sections 6.1, 6.2); with TLS etcd's server resets the stream only",
    matches: ({ ours, theirs, protocol }) =>
      protocol.isSecure && isEqual(ours, ["goaway 1"]) && theirs.some((fact) => /: reset [15]$/.test(fact)),
  },
  {
    name: "frames that are longer than they may be",
    reason:
      "more than 16,384 octets were not allowed (RFC 9113 section 4.2); etcd's server with TLS takes more",
    matches: ({ ours, input, protocol }) =>
      protocol.isSecure &&
      isEqual(ours, ["goaway 6"]) &&
      (unfinishedOf(input)?.length ?? 0) > MAX_FRAME_BYTES,
  },
  {
    name: "frames that have not come to their end",
    reason: "they are judged when they have; etcd judges some by their beginning",
    matches: ({ ours, theirs, input }) =>
      ours.at(-1) === "open" && theirs.length === 1 && unfinishedOf(input) !== undefined,
  },
  {
    name: "header blocks that are malformed",
    reason:
      "they end their stream (RFC 9113 section 8.1.1); etcd ends the connection when more comes of the block, or with TLS of the stream",
    matches: ({ ours, theirs }) =>
      (isEqual(theirs, ["goaway 1"]) || isEqual(theirs, ["closed"])) &&
      ours.at(-1) === "open" &&
      ours.some((fact) => fact.endsWith(": reset 1")),
  },
  {
    name: "requests that end with a header block in pieces",
    reason:
      "END_STREAM stands in HEADERS though CONTINUATION follows (RFC 9113 section 6.2); etcd's server with TLS ends the connection",
    matches: ({ ours, theirs, input, protocol }) =>
      protocol.isSecure &&
      ours.at(-1) === "open" &&
      isEqual(theirs, ["goaway 1"]) &&
      framesOf(input).some(endsInPieces),
  },
  {
    name: "what follows GOAWAY",
    reason:
      "a client that says so wants no streams of the server's (RFC 9113 section 6.8); etcd's server with TLS ends the connection",
    matches: ({ ours, theirs, input, protocol }) =>
      protocol.isSecure &&
      ours.at(-1) === "open" &&
      isEqual(theirs, ["closed"]) &&
      framesOf(input).some(({ type }) => type === TYPE.GOAWAY),
  },
];

const END_STREAM = 1;
const END_HEADERS = 4;
const FRAME_HEADER_BYTES = 9;
const MAX_FRAME_BYTES = 16_384;
const SETTING_BYTES = 6;

function endsInPieces({ type, flags }: raw.RawFrame): boolean {
  return type === TYPE.HEADERS && (flags & (END_STREAM | END_HEADERS)) === END_STREAM;
}

function repeatsSetting({ type, payload }: raw.RawFrame): boolean {
  if (type !== TYPE.SETTINGS) return false;
  const bytes = Buffer.from(payload);
  const ids: number[] = [];
  for (let at = 0; at + SETTING_BYTES <= bytes.length; at += SETTING_BYTES) ids.push(bytes.readUInt16BE(at));
  return new Set(ids).size < ids.length;
}

function framesOf(input: Buffer): raw.RawFrame[] {
  return raw.parseFrames(input.subarray(raw.PREFACE.length));
}

/** The last frame, when there is less of it than it says. `length`: of its payload, as it says. */
function unfinishedOf(input: Buffer): { readonly length: number } | undefined {
  const whole = framesOf(input).reduce((sum, { payload }) => sum + FRAME_HEADER_BYTES + payload.length, 0);
  const rest = input.subarray(raw.PREFACE.length + whole);
  return rest.length < FRAME_HEADER_BYTES ? undefined : { length: rest.readUIntBE(0, 3) };
}

/** A frame other than HEADERS and PRIORITY of a stream that has not begun by then. */
function hasFrameOfIdleStream(input: Buffer): boolean {
  let begun = 0;
  for (const { type, id } of framesOf(input)) {
    if (type === TYPE.HEADERS) begun = Math.max(begun, id);
    else if ((type === TYPE.DATA || type === TYPE.RESET || type === TYPE.WINDOW) && id > begun) return true;
  }
  return false;
}

export function knownOutcome(parted: Parted): string | undefined {
  const { input, protocol, ours, theirs } = parted;
  const text = input.toString("latin1");
  const matches = (known: KnownOutcome): boolean => known.matches({ ...parted, text });
  if (protocol.http === 1) return OF_HTTP1.find(matches)?.name;
  const ofStreams = knownStreamOutcome(ours, theirs, framesOf(input), protocol.isSecure);
  return ofStreams ?? OF_HTTP2.find(matches)?.name;
}
