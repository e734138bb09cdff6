import { type Message, NO_DATA } from "@quorate/raft";
import { costOf, type Steps } from "@quorate/storage/slices";
import { decodeMessage, MessageReader } from "@quorate/wire/hot";
import { PieceCutter } from "./frame-bytes.ts";

/** A message of more bytes may have more entries than a turn should decode. */
const AT_ONCE_BYTES = 2 ** 15;
/** Fields of a larger one that are decoded between two looks at what the turn has done. */
const STEP = 1024;

/** Reads the frames of a stream. All that throw throw `FrameError` and `WireError`. */
export abstract class FrameDecoder {
  /** Entries decoded so far. */
  entryCount = 0;
  protected readonly pieces = new PieceCutter();
  /** Of the message that is decoded in steps. */
  #reader: MessageReader | undefined;

  /**
   * Appends what the chunk completes to `out`. Returns where it stopped: at the end, or behind a large message, which
   * `decodeMore` goes on with before anything else.
   */
  abstract push(chunk: Uint8Array, start: number, end: number, out: Message[]): number;

  /** Takes a whole message. */
  protected abstract take(message: Message, out: Message[]): void;

  /** A message is being decoded in steps. */
  get isInMessage(): boolean {
    return this.#reader !== undefined;
  }

  /** The next step of the message that is being decoded; appends it to `out` when that was the last. */
  decodeMore(out: Message[]): void {
    const reader = this.#reader!;
    const before = reader.entryCount;
    const goesOn = reader.read(STEP);
    this.entryCount += reader.entryCount - before;
    if (goesOn) return;
    this.#reader = undefined;
    this.take(reader.message, out);
  }

  /** The piece of `size` bytes that was cut last is a message. False: it takes steps. */
  protected decodeMessage(size: number, out: Message[]): boolean {
    const { at, bytes } = this.pieces;
    if (size > AT_ONCE_BYTES) {
      this.#reader = new MessageReader(bytes, at, at + size, NO_DATA);
      return false;
    }
    const message = decodeMessage(bytes, at, at + size, NO_DATA);
    this.entryCount += message.entries.length;
    this.take(message, out);
    return true;
  }
}

/** Decodes a message of any size. Throws `WireError`. */
export function* decodeMessageSteps(bytes: Uint8Array): Steps<Message> {
  const reader = new MessageReader(bytes, 0, bytes.length, NO_DATA);
  while (reader.read(STEP)) yield costOf(STEP, 0);
  return reader.message;
}
