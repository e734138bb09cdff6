/** Where a member of ours answers otherwise than etcd, and means to. */
import { METHODS } from "@quorate/wire";
import type { Answer, Compared } from "./asking.ts";

interface KnownDifference {
  readonly name: string;
  readonly reason: string;
  readonly matches: (input: Compared, ours: Answer, theirs: Answer) => boolean;
}

const MALFORMED = "proto: cannot parse invalid wire-format data";
const NOT_UTF8 = "string field contains invalid UTF-8";
/** HTTP/2's PROTOCOL_ERROR, as the code of a stream that ended without a status. */
const PROTOCOL_ERROR = -1;
/** HTTP/2's CANCEL. */
const CANCEL = -8;

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    name: "HTTP without TLS over HTTP/2",
    reason: "what is not gRPC is answered as over HTTP/1.1 there too; etcd refuses it",
    matches: (input, _, theirs) => theirs.httpStatus === 415 && !isGrpc(header(input, "content-type")),
  },
  {
    name: "content types in capitals",
    reason: "the names of media types have no case",
    matches: (input, _, theirs) => theirs.httpStatus === 415 && isGrpc(header(input, "content-type")),
  },
  {
    name: "what follows the only message",
    reason:
      "a call that breaks the rules of its kind fails; etcd does not look at what follows the first message",
    matches: (input, ours) => isUnary(input) && restOf(input).length > 0 && isRefusedForRest(ours),
  },
  {
    name: "a stream that answers before it hears of a second request",
    reason: "the answer begins with the request; etcd waits until the client has said that there is no other",
    matches: (input, _, theirs) =>
      restOf(input).length > 0 &&
      METHODS.get(input.path)?.serverStreaming === true &&
      isFaultOfForm(theirs.message),
  },
  {
    name: "a prefix that is cut",
    reason: "the end in the middle of it is a fault like the end in the middle of a message",
    matches: (input, ours) => ours.message === "unexpected EOF" && lastPieceOf(input).length < PREFIX_BYTES,
  },
  {
    name: "which of several faults",
    reason: "of a message with several faults another one is named",
    matches: (_, ours, theirs) => isFaultOfForm(ours.message) && isFaultOfForm(theirs.message),
  },
  {
    name: "malformed requests of HTTP/2",
    reason: "RFC 9113 makes wrong lengths, blanks around values and empty paths stream errors",
    matches: (input, ours) =>
      ours.code === PROTOCOL_ERROR &&
      (header(input, "content-length") !== undefined ||
        header(input, ":path") === "" ||
        input.headers.some(([, value]) => value !== value.trim())),
  },
  {
    name: "deadlines that are over at once",
    reason: "what is answered in the same turn is answered, however short the time was",
    matches: (input, _, theirs) =>
      (theirs.code === 4 || theirs.code === CANCEL) && /^[01]n$/.test(header(input, "grpc-timeout") ?? ""),
  },
  {
    name: "binary metadata",
    reason: "it is decoded when somebody asks for it, and nobody does",
    matches: (_, __, theirs) => theirs.message.startsWith("malformed binary metadata"),
  },
  {
    name: "nested transactions",
    reason:
      "those of more than 256 levels are refused when they are decoded; etcd takes them until its stack ends",
    matches: (_, ours) => ours.message.endsWith("nested too deeply"),
  },
  {
    name: "texts of JSON errors",
    reason: "Go's change from build to build",
    matches: ({ transport }, ours, theirs) =>
      transport === "json" && ours.code === 3 && theirs.code === 3 && theirs.message.startsWith("proto:"),
  },
];

export function knownDifference(input: Compared, ours: Answer, theirs: Answer): string | undefined {
  return KNOWN_DIFFERENCES.find(({ matches }) => matches(input, ours, theirs))?.name;
}

const PREFIX_BYTES = 5;

function header({ headers }: Compared, name: string): string | undefined {
  return headers.find((field) => field[0] === name)?.[1];
}

function isGrpc(contentType: string | undefined): boolean {
  return /^application\/grpc($|[+;])/i.test(contentType ?? "");
}

function isUnary({ path, transport }: Compared): boolean {
  const method = METHODS.get(path);
  return transport === "grpc" && method?.clientStreaming === false && !method.serverStreaming;
}

/** What comes behind the first framed message. */
function restOf({ body, transport }: Compared): Buffer {
  if (transport !== "grpc" || body.length < PREFIX_BYTES) return Buffer.alloc(0);
  return body.subarray(PREFIX_BYTES + body.readUInt32BE(1));
}

function isRefusedForRest({ message }: Answer): boolean {
  return /more than one request message|^unexpected EOF$|unexpected payload format|compressed flag set|larger than max|failed to decompress/.test(
    message,
  );
}

/** What is left of the body behind all whole messages. */
function lastPieceOf({ body }: Compared): Buffer {
  let rest = body;
  while (rest.length >= PREFIX_BYTES) {
    const end = PREFIX_BYTES + rest.readUInt32BE(1);
    if (end > rest.length) break;
    rest = rest.subarray(end);
  }
  return rest;
}

function isFaultOfForm(message: string): boolean {
  return (
    message.endsWith(MALFORMED) ||
    message.endsWith(NOT_UTF8) ||
    /^cardinality violation|^(unexpected )?EOF$|compressed flag set|unexpected payload format/.test(
      message,
    ) ||
    /failed to decompress|larger than max|invalid client api version$/.test(message)
  );
}
