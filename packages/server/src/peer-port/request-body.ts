import type http from "node:http";
import type { Slices } from "@quorate/storage/slices";
import { FAILURES } from "../errors.ts";
import { joinChunks } from "../peer/join-chunks.ts";

const [, EOF] = FAILURES.NO_REQUEST;
const [, UNEXPECTED_EOF] = FAILURES.BODY_ENDS_EARLY;
/** Without a byte for so long the sender of a body is gone. */
const STALL_TIMEOUT_MS = 30_000;

/**
 * The body of a request in the chunks in which it arrives, no faster than they are taken. Throws when the request breaks
 * off or stalls: the end is reached only when the sender said that it is the end.
 */
export async function* bodyOf(request: http.IncomingMessage): AsyncGenerator<Buffer> {
  const stall = () => request.destroy(new Error("the sender of the request stalled"));
  let timer = setTimeout(stall, STALL_TIMEOUT_MS);
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      clearTimeout(timer);
      yield chunk as Buffer;
      timer = setTimeout(stall, STALL_TIMEOUT_MS);
    }
  } finally {
    clearTimeout(timer);
  }
  if (!request.complete) throw new Error(UNEXPECTED_EOF);
}

/** Exactly the wanted sizes from the front of a body, and then the rest. */
export class BodyReader {
  readonly #chunks: AsyncGenerator<Buffer>;
  readonly #slices: Slices;
  #rest: Buffer = Buffer.alloc(0);

  /** `slices`: for putting together what was asked for. */
  constructor(request: http.IncomingMessage, slices: Slices) {
    this.#chunks = bodyOf(request);
    this.#slices = slices;
  }

  /** Throws `EOF` when there is nothing more, `unexpected EOF` when there is less than `size`. */
  async take(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = size;
    while (missing > 0) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) throw new Error(parts.length === 0 ? EOF : UNEXPECTED_EOF);
        this.#rest = next.value;
      }
      const part = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(part.length);
      missing -= part.length;
      parts.push(part);
    }
    return joinChunks(parts, size, this.#slices);
  }

  async *rest(): AsyncGenerator<Buffer> {
    if (this.#rest.length > 0) yield this.#rest;
    this.#rest = Buffer.alloc(0);
    yield* this.#chunks;
  }
}
