/** What the frames of a client mean. */
export interface FrameSink {
  /** A piece of a message, unmasked; borrowed: it lies in the chunk that was received. Never empty. */
  onPiece(bytes: Uint8Array): void;
  onMessageEnd(): void;
  onPing(payload: Uint8Array): void;
  /** The client closes the websocket; `status` is the one that it gave, or 1005. */
  onClose(status: number): void;
  /** The client broke the protocol, or a limit: nothing more is read. `status` is for the close frame. */
  onViolation(status: number): void;
}

export const NO_STATUS = 1005;
const PROTOCOL_ERROR = 1002;
const MESSAGE_TOO_BIG = 1009;

const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const LONGEST_CONTROL_PAYLOAD = 125;
/** Two octets, up to eight of length, four of mask. */
const LONGEST_HEADER = 14;

/**
 * Reads the frames of a websocket's client (RFC 6455) as they come. Nothing of a message is kept, however it is divided:
 * its pieces go on at once.
 */
export class WebsocketFrames {
  readonly #sink: FrameSink;
  readonly #maxMessageBytes: number;
  readonly #header = new Uint8Array(LONGEST_HEADER);
  #headerLength = 0;
  /** Of the frame whose payload is being read. */
  #opcode = 0;
  #isFinal = false;
  #payloadLeft = 0;
  #maskOffset = 0;
  #inPayload = false;
  /** A message goes on in a later frame. */
  #inMessage = false;
  #messageBytes = 0;
  readonly #control = new Uint8Array(LONGEST_CONTROL_PAYLOAD);
  #controlLength = 0;
  #ended = false;

  constructor(maxMessageBytes: number, sink: FrameSink) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#sink = sink;
  }

  /** Takes a chunk, and unmasks it in place. */
  receive(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#ended) {
      at = this.#inPayload ? this.#readPayload(chunk, at) : this.#readHeader(chunk, at);
      if (this.#inPayload && this.#payloadLeft === 0 && !this.#ended) this.#endFrame();
    }
  }

  /** What comes is of no interest any more. */
  stop(): void {
    this.#ended = true;
  }

  #readHeader(chunk: Uint8Array, start: number): number {
    let at = start;
    const header = this.#header;
    while (at < chunk.length) {
      header[this.#headerLength++] = chunk[at++]!;
      if (this.#headerLength >= 2 && this.#headerLength === headerLength(header)) {
        this.#headerLength = 0;
        this.#beginFrame();
        return at;
      }
    }
    return at;
  }

  #beginFrame(): void {
    const header = this.#header;
    const first = header[0]!;
    this.#opcode = first & 0x0f;
    this.#isFinal = (first & FIN) !== 0;
    const length = payloadLength(header);
    const violation = this.#violation(first, length);
    if (violation !== undefined) {
      this.#ended = true;
      this.#sink.onViolation(violation);
      return;
    }
    this.#payloadLeft = length;
    this.#maskOffset = headerLength(header) - 4;
    this.#inPayload = true;
    this.#controlLength = 0;
  }

  #violation(first: number, length: number): number | undefined {
    const isMasked = (this.#header[1]! & MASKED) !== 0;
    if ((first & RESERVED) !== 0 || !isMasked) return PROTOCOL_ERROR;
    switch (this.#opcode) {
      case CONTINUATION:
        if (!this.#inMessage) return PROTOCOL_ERROR;
        break;
      case TEXT:
      case BINARY:
        if (this.#inMessage) return PROTOCOL_ERROR;
        break;
      case CLOSE:
      case PING:
      case PONG:
        return this.#isFinal && length <= LONGEST_CONTROL_PAYLOAD ? undefined : PROTOCOL_ERROR;
      default:
        return PROTOCOL_ERROR;
    }
    this.#messageBytes += length;
    return this.#messageBytes > this.#maxMessageBytes ? MESSAGE_TOO_BIG : undefined;
  }

  #readPayload(chunk: Uint8Array, start: number): number {
    const end = Math.min(chunk.length, start + this.#payloadLeft);
    this.#unmask(chunk, start, end);
    this.#payloadLeft -= end - start;
    if (this.#opcode < CLOSE) {
      this.#sink.onPiece(chunk.subarray(start, end));
    } else {
      this.#control.set(chunk.subarray(start, end), this.#controlLength);
      this.#controlLength += end - start;
    }
    return end;
  }

  #unmask(chunk: Uint8Array, start: number, end: number): void {
    const header = this.#header;
    const offset = this.#maskOffset;
    // The mask goes on where the last piece of the payload ended.
    let turn = this.#maskTurn;
    for (let at = start; at < end; at++) {
      chunk[at]! ^= header[offset + turn]!;
      turn = (turn + 1) & 3;
    }
    this.#maskTurn = turn;
  }

  #maskTurn = 0;

  #endFrame(): void {
    this.#inPayload = false;
    this.#maskTurn = 0;
    switch (this.#opcode) {
      case CLOSE:
        this.#endByClose();
        return;
      case PING:
        this.#sink.onPing(this.#control.slice(0, this.#controlLength));
        return;
      case PONG:
        return;
      default:
        this.#inMessage = !this.#isFinal;
        if (!this.#isFinal) return;
        this.#messageBytes = 0;
        this.#sink.onMessageEnd();
    }
  }

  #endByClose(): void {
    this.#ended = true;
    const control = this.#control;
    if (this.#controlLength === 0) this.#sink.onClose(NO_STATUS);
    else if (this.#controlLength === 1) this.#sink.onViolation(PROTOCOL_ERROR);
    else this.#sink.onClose((control[0]! << 8) | control[1]!);
  }
}

/** The length of the header that begins with the first two octets of `header`. */
function headerLength(header: Uint8Array): number {
  const code = header[1]! & 0x7f;
  const mask = (header[1]! & MASKED) !== 0 ? 4 : 0;
  return 2 + mask + (code === 127 ? 8 : code === 126 ? 2 : 0);
}

/** Infinity when it is beyond every limit. */
function payloadLength(header: Uint8Array): number {
  const code = header[1]! & 0x7f;
  const view = new DataView(header.buffer);
  if (code < 126) return code;
  if (code === 126) return view.getUint16(2);
  return view.getUint32(2) === 0 ? view.getUint32(6) : Number.POSITIVE_INFINITY;
}
