import type { ClientStream } from "@quorate/rpc/client";
import { Code } from "@quorate/rpc/status";
import { type ClientError, errorOf } from "./errors.ts";

/** So many messages are taken in before the server is made to wait. */
const MOST_QUEUED = 64;

/** What a stream brings, one message after another. Owned by whoever takes it. */
export class MessageQueue {
  readonly #stream: ClientStream;
  readonly #messages: Uint8Array[] = [];
  #error: ClientError | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(stream: ClientStream) {
    this.#stream = stream;
    stream.onMessage = (message) => {
      this.#messages.push(message.slice());
      if (this.#messages.length === MOST_QUEUED) stream.pauseReading();
      this.#wake?.();
    };
    stream.onEnd = (status) => {
      this.#ended = true;
      if (status.code !== Code.OK) this.#error = errorOf(status);
      this.#wake?.();
    };
  }

  /** Undefined when the stream has ended well. Rejects with how it ended otherwise. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#messages.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const message = this.#messages.shift();
    if (this.#messages.length === MOST_QUEUED - 1) this.#stream.resumeReading();
    return message;
  }
}
