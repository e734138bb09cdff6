import * as h2 from "./protocol.ts";

/** A connection error. */
export interface Violation {
  readonly code: number;
  readonly reason: string;
}

const rule = (code: number, reason: string): Violation => Object.freeze({ code, reason });

const DATA_ON_CONNECTION = rule(h2.PROTOCOL_ERROR, "DATA on stream 0");
const HEADERS_ON_CONNECTION = rule(h2.PROTOCOL_ERROR, "HEADERS on stream 0");
const PRIORITY_ON_CONNECTION = rule(h2.PROTOCOL_ERROR, "PRIORITY on stream 0");
const RESET_ON_CONNECTION = rule(h2.PROTOCOL_ERROR, "RST_STREAM on stream 0");
const RESET_SIZE = rule(h2.FRAME_SIZE_ERROR, "RST_STREAM of a wrong size");
const SETTINGS_ON_STREAM = rule(h2.PROTOCOL_ERROR, "SETTINGS on a stream");
const SETTINGS_SIZE = rule(h2.FRAME_SIZE_ERROR, "SETTINGS of a wrong size");
const PUSH_DISABLED = rule(h2.PROTOCOL_ERROR, "PUSH_PROMISE is not enabled");
const PING_ON_STREAM = rule(h2.PROTOCOL_ERROR, "PING on a stream");
const PING_SIZE = rule(h2.FRAME_SIZE_ERROR, "PING of a wrong size");
const GOAWAY_ON_STREAM = rule(h2.PROTOCOL_ERROR, "GOAWAY on a stream");
const GOAWAY_SIZE = rule(h2.FRAME_SIZE_ERROR, "GOAWAY of a wrong size");
const WINDOW_UPDATE_SIZE = rule(h2.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong size");

/** What is wrong with a frame by its header alone (RFC 9113 section 6), whatever state the connection is in. */
export function checkFrame(type: number, length: number, flags: number, id: number): Violation | undefined {
  switch (type) {
    case h2.FRAME_DATA:
      return id === 0 ? DATA_ON_CONNECTION : undefined;
    case h2.FRAME_HEADERS:
      return id === 0 ? HEADERS_ON_CONNECTION : undefined;
    case h2.FRAME_PRIORITY:
      return id === 0 ? PRIORITY_ON_CONNECTION : undefined;
    case h2.FRAME_RST_STREAM:
      if (id === 0) return RESET_ON_CONNECTION;
      return length === 4 ? undefined : RESET_SIZE;
    case h2.FRAME_SETTINGS:
      if (id !== 0) return SETTINGS_ON_STREAM;
      return length % 6 === 0 && ((flags & h2.FLAG_ACK) === 0 || length === 0) ? undefined : SETTINGS_SIZE;
    case h2.FRAME_PUSH_PROMISE:
      return PUSH_DISABLED;
    case h2.FRAME_PING:
      if (id !== 0) return PING_ON_STREAM;
      return length === 8 ? undefined : PING_SIZE;
    case h2.FRAME_GOAWAY:
      if (id !== 0) return GOAWAY_ON_STREAM;
      return length >= 8 ? undefined : GOAWAY_SIZE;
    case h2.FRAME_WINDOW_UPDATE:
      return length === 4 ? undefined : WINDOW_UPDATE_SIZE;
    default:
      return undefined;
  }
}
