/** What a server makes of octets on a connection of its own, told as a list of facts that two servers can be compared by. */
import { rawFrames as raw } from "@quorate/rpc/testing";

/** In order; equal texts are equal outcomes. */
export type Outcome = readonly string[];

/** The connection's end, the last fact: `open`, `closed`, or `goaway N` with HTTP/2's code. */
export type Reader = (received: Buffer, isClosed: boolean) => Outcome;

const BODILESS = new Set([204, 304]);

/**
 * Of HTTP/1.1: the status of every response, with gRPC's code behind it where the gateway tells one and `+` when the response is
 * not there to its end; then whether the connection is open.
 */
export function http1Outcome(received: Buffer, isClosed: boolean): Outcome {
  const facts: string[] = [];
  let rest = received.toString("latin1");
  for (;;) {
    const head = /^HTTP\/1\.[01] (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(rest);
    if (head === null) break;
    const status = Number(head[1]);
    const behind = rest.slice(head[0].length);
    const { text, length } =
      status < 200 || BODILESS.has(status) ? { text: "", length: 0 } : bodyOf(head[2]!, behind, isClosed);
    const code = /^\{"(?:error":\{")?code":(\d+)/.exec(text);
    facts.push(`${status}${code === null ? "" : `/${code[1]}`}${length === undefined ? "+" : ""}`);
    rest = length === undefined ? "" : behind.slice(length);
  }
  if (rest.length > 0) facts.push(`no response: ${rest.slice(0, 40)}`);
  return [...facts, isClosed ? "closed" : "open"];
}

/** `length`: how much of what follows the head it takes, undefined when it is not there to its end. */
function bodyOf(
  headers: string,
  behind: string,
  isClosed: boolean,
): { readonly text: string; readonly length: number | undefined } {
  const stated = /^content-length: *(\d+)/im.exec(headers);
  // The answer to HEAD has none, whatever its headers say.
  if (behind === "" || behind.startsWith("HTTP/1.1 "))
    return { text: "", length: stated === null && !isClosed ? undefined : 0 };
  if (stated !== null) {
    const length = Number(stated[1]);
    return { text: behind.slice(0, length), length: behind.length < length ? undefined : length };
  }
  if (!/^transfer-encoding: *chunked/im.test(headers)) {
    return { text: behind, length: isClosed ? behind.length : undefined };
  }
  let text = "";
  let at = 0;
  for (;;) {
    const size = /^([0-9a-fA-F]+)\r\n/.exec(behind.slice(at, at + 20));
    if (size === null) return { text, length: undefined };
    const from = at + size[0].length;
    const count = Number.parseInt(size[1]!, 16);
    text += behind.slice(from, from + count);
    at = from + count + 2;
    if (count === 0) {
      const end = /^(?:[^\r\n]+\r\n)*\r\n/.exec(behind.slice(from));
      return { text, length: end === null ? undefined : from + end[0].length };
    }
    if (at > behind.length) return { text, length: undefined };
  }
}

const TYPE = { DATA: 0, HEADERS: 1, RESET: 3, GOAWAY: 7 } as const;
const END_STREAM = 1;

/**
 * Of HTTP/2: for each stream how it ended, then the connection. When a fault ends the connection that is all there is to
 * tell: what was answered before it is a matter of who was faster.
 */
export function http2Outcome(received: Buffer, isClosed: boolean): Outcome {
  const streams = new Map<number, string>();
  let goaway: number | undefined;
  const decoder = raw.blockDecoder();
  for (const { type, flags, id, payload } of raw.parseFrames(received)) {
    const ends = (flags & END_STREAM) !== 0;
    if (type === TYPE.HEADERS) {
      const told = [...decoder(payload)].filter(([name]) => name === ":status" || name === "grpc-status");
      const before = streams.get(id);
      const facts = told.map(([name, value]) => (name === ":status" ? `http ${value}` : `grpc ${value}`));
      streams.set(
        id,
        [...(before === undefined ? [] : [before]), ...facts, ...(ends ? ["end"] : [])].join(", "),
      );
    } else if (type === TYPE.DATA && ends) streams.set(id, `${streams.get(id)}, end`);
    else if (type === TYPE.RESET) {
      const code = Buffer.from(payload).readUInt32BE(0);
      // A stream that has ended and is reset so that its client stops sending has ended.
      if (!streams.get(id)?.endsWith("end")) streams.set(id, `reset ${code}`);
    } else if (type === TYPE.GOAWAY) goaway = Buffer.from(payload).readUInt32BE(4);
  }
  if (goaway !== undefined && goaway !== 0) return [`goaway ${goaway}`];
  if (isClosed) return ["closed"];
  const told = [...streams].toSorted(([a], [b]) => a - b).map(([id, fact]) => `${id}: ${fact}`);
  return [...told, "open"];
}
