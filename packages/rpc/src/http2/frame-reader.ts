import { CLIENT_PREFACE, DEFAULT_MAX_FRAME_SIZE, FRAME_HEADER_LENGTH } from "./protocol.ts";

const EMPTY = new Uint8Array(0);

/** What a {@link FrameReader} finds. */
export interface FrameSink {
  /** Set once nothing more is wanted. */
  readonly finished: boolean;
  /** A whole frame: its header is at `position`, its payload of `length` octets follows. Borrowed for the call. */
  onFrame(bytes: Uint8Array, position: number, length: number): void;
  onBadPreface(): void;
  onFrameTooLarge(): void;
}

/** Cuts a stream of octets into frames, in place where a frame lies whole in one chunk. */
export class FrameReader {
  readonly #sink: FrameSink;
  /** Octets of the client preface still expected. */
  #prefaceLeft: number;
  /** The start of a frame that ended outside the last chunk. */
  #partial: Uint8Array = EMPTY;
  #partialLength = 0;

  constructor(sink: FrameSink, expectPreface: boolean) {
    this.#sink = sink;
    this.#prefaceLeft = expectPreface ? CLIENT_PREFACE.length : 0;
  }

  /** Takes `bytes[start, end)`, which is only borrowed. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    const sink = this.#sink;
    let position = start;
    if (this.#prefaceLeft > 0) position = this.#receivePreface(bytes, position, end);
    if (this.#partialLength > 0) position = this.#completePartial(bytes, position, end);
    while (end - position >= FRAME_HEADER_LENGTH && !sink.finished) {
      const length = readLength(bytes, position);
      if (length > DEFAULT_MAX_FRAME_SIZE) {
        sink.onFrameTooLarge();
        return;
      }
      const next = position + FRAME_HEADER_LENGTH + length;
      if (next > end) break;
      sink.onFrame(bytes, position, length);
      position = next;
    }
    if (position < end && !sink.finished) this.#keepPartial(bytes, position, end);
  }

  /** Gives up what was kept. */
  clear(): void {
    this.#partial = EMPTY;
    this.#partialLength = 0;
  }

  #receivePreface(bytes: Uint8Array, start: number, end: number): number {
    let position = start;
    while (this.#prefaceLeft > 0 && position < end) {
      if (bytes[position] !== CLIENT_PREFACE[CLIENT_PREFACE.length - this.#prefaceLeft]) {
        this.#sink.onBadPreface();
        return end;
      }
      position++;
      this.#prefaceLeft--;
    }
    return position;
  }

  #keepPartial(bytes: Uint8Array, position: number, end: number): void {
    const count = end - position;
    const payload = count >= FRAME_HEADER_LENGTH ? readLength(bytes, position) : 0;
    // A view would keep the transport's buffer, which is overwritten by the next read.
    this.#partial = new Uint8Array(FRAME_HEADER_LENGTH + payload);
    this.#partial.set(bytes.subarray(position, end));
    this.#partialLength = count;
  }

  /** Adds what the kept frame lacks; returns the position after it. */
  #completePartial(bytes: Uint8Array, start: number, end: number): number {
    let position = start;
    if (this.#partialLength < FRAME_HEADER_LENGTH) {
      while (this.#partialLength < FRAME_HEADER_LENGTH && position < end) {
        this.#partial[this.#partialLength++] = bytes[position++]!;
      }
      if (this.#partialLength < FRAME_HEADER_LENGTH) return position;
      const header = this.#partial;
      const length = readLength(header, 0);
      if (length > DEFAULT_MAX_FRAME_SIZE) {
        this.#sink.onFrameTooLarge();
        return end;
      }
      this.#partial = new Uint8Array(FRAME_HEADER_LENGTH + length);
      this.#partial.set(header);
    }
    const frame = this.#partial;
    const count = Math.min(frame.length - this.#partialLength, end - position);
    frame.set(bytes.subarray(position, position + count), this.#partialLength);
    this.#partialLength += count;
    if (this.#partialLength === frame.length) {
      this.clear();
      this.#sink.onFrame(frame, 0, frame.length - FRAME_HEADER_LENGTH);
    }
    return position + count;
  }
}

function readLength(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}
