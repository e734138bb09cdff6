import type { Message } from "@quorate/raft";
import { costOf, type Slices } from "@quorate/storage/slices";
import type { FrameDecoder } from "./frame-decoder.ts";

interface Part {
  readonly chunk: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * Decodes what a stream brings, as much in a turn of the loop as all streams together may. What comes too fast is to be
 * left in the socket: a chunk of it is all that waits here.
 */
export class StreamInput {
  readonly #decoder: FrameDecoder;
  readonly #slices: Slices;
  /** In order, what has not been decoded. */
  readonly #rest: Part[] = [];
  #messages: Message[] = [];
  #isTurnOver = false;

  constructor(decoder: FrameDecoder, slices: Slices) {
    this.#decoder = decoder;
    this.#slices = slices;
  }

  /** Nothing more is to be read before `goOn` has been called in a turn of its own, and this is false. */
  get mustWait(): boolean {
    return this.#isTurnOver || this.#decoder.isInMessage || this.#rest.length > 0;
  }

  /** Takes `chunk[start, end)`, which nobody may change any more. Throws what the decoder throws. */
  push(chunk: Uint8Array, start: number, end: number): void {
    if (this.#rest.length > 0 || this.#decoder.isInMessage) this.#rest.push({ chunk, start, end });
    else this.#decode(chunk, start, end);
  }

  /** In a later turn: decodes what waits, as far as this turn allows. */
  goOn(): void {
    this.#isTurnOver = false;
    const decoder = this.#decoder;
    while (!this.#isTurnOver) {
      if (decoder.isInMessage) {
        const before = decoder.entryCount;
        decoder.decodeMore(this.#messages);
        this.#spend(before, 0);
        continue;
      }
      const part = this.#rest.shift();
      if (part === undefined) return;
      this.#decode(part.chunk, part.start, part.end);
    }
  }

  /** The messages that are complete, each once. */
  take(): readonly Message[] {
    const messages = this.#messages;
    if (messages.length > 0) this.#messages = [];
    return messages;
  }

  #decode(chunk: Uint8Array, start: number, end: number): void {
    const before = this.#decoder.entryCount;
    const at = this.#decoder.push(chunk, start, end, this.#messages);
    if (at < end) this.#rest.unshift({ chunk, start: at, end });
    this.#spend(before, at - start);
  }

  #spend(entriesBefore: number, bytes: number): void {
    if (this.#slices.spendInTurn(costOf(this.#decoder.entryCount - entriesBefore, bytes)))
      this.#isTurnOver = true;
  }
}
