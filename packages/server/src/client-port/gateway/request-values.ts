import { GrowingBytes } from "@quorate/rpc/server";
import type { GatewayRequest } from "./exchange.ts";
import { JsonScanner } from "./json-scanner.ts";

/** What becomes of a body. None of these is called while reading is paused. */
export interface ValueSink {
  /** A JSON value of the body, owned. */
  onValue(value: Uint8Array): void;
  /** What came is no JSON, or too long: JsonSyntaxError or ValueTooLong. Nothing but `onEnd` follows. */
  onBadBody(error: unknown): void;
  /** The body has ended. */
  onEnd(): void;
}

/**
 * The JSON values of a request's body, one after another and only as fast as they are wanted: while reading is paused
 * the client is held back, and what was on its way waits as the bytes it came in.
 */
export class RequestValues {
  readonly #request: GatewayRequest;
  readonly #sink: ValueSink;
  readonly #guard: (step: () => void) => void;
  readonly #scanner: JsonScanner;
  /** What has been read and not been looked at: a chunk from `#at` on, and what came after it. */
  #chunk: Uint8Array | undefined;
  #at = 0;
  readonly #later = new GrowingBytes();
  #paused = false;
  #scanning = false;
  #bodyEnded = false;
  #endDelivered = false;
  /** Nothing of what comes is of interest, but its end is. */
  #skipping = false;
  #stopped = false;

  /** `guard` runs all that the request sets off: what throws there is its business. */
  constructor(
    request: GatewayRequest,
    maxValueBytes: number,
    sink: ValueSink,
    guard: (step: () => void) => void = (step) => step(),
  ) {
    this.#guard = guard;
    this.#request = request;
    this.#sink = sink;
    this.#scanner = new JsonScanner(maxValueBytes);
  }

  /** Begins to read. */
  begin(): void {
    this.#request.readBody(
      (chunk) => this.#guard(() => this.#read(chunk)),
      () => this.#guard(() => this.#end()),
    );
    if (this.#paused && !this.#stopped) this.#request.pauseReading();
  }

  pause(): void {
    if (this.#paused || this.#stopped) return;
    this.#paused = true;
    this.#request.pauseReading();
  }

  resume(): void {
    if (!this.#paused || this.#stopped) return;
    this.#paused = false;
    this.#goOn();
    if (!this.#paused && !this.#stopped) this.#request.resumeReading();
  }

  /** The values that follow mean nothing. */
  skipRest(): void {
    this.#skipping = true;
    this.#dropHeld();
  }

  /** Calls nothing any more. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#dropHeld();
    this.#request.stopReading();
  }

  #read(chunk: Uint8Array): void {
    if (this.#skipping || this.#stopped) return;
    if (this.#paused || this.#scanning || this.#chunk !== undefined) {
      this.#later.append(chunk, 0, chunk.length);
      return;
    }
    const pos = this.#scan(chunk, 0);
    if (pos === chunk.length || this.#skipping || this.#stopped) return;
    // The chunk belongs to the socket.
    this.#chunk = new Uint8Array(chunk.length - pos);
    this.#chunk.set(chunk.subarray(pos));
    this.#at = 0;
  }

  /** Hands on the values of `chunk`, until reading is paused. Returns how far it came. */
  #scan(chunk: Uint8Array, from: number): number {
    let pos = from;
    this.#scanning = true;
    try {
      while (pos < chunk.length && !this.#paused && !this.#skipping && !this.#stopped) {
        const found = this.#scanner.next(chunk, pos);
        pos = found?.end ?? chunk.length;
        if (found !== undefined) this.#sink.onValue(found.value);
      }
    } catch (error) {
      this.skipRest();
      this.#sink.onBadBody(error);
    } finally {
      this.#scanning = false;
    }
    return pos;
  }

  #goOn(): void {
    // Called from within `onValue`: whoever scans goes on by itself.
    if (this.#scanning) return;
    while (!this.#paused && !this.#stopped) {
      if (this.#chunk === undefined) {
        if (this.#later.length === 0) break;
        this.#chunk = this.#later.take();
        this.#at = 0;
      }
      const { length } = this.#chunk;
      this.#at = this.#scan(this.#chunk, this.#at);
      if (this.#at === length) this.#chunk = undefined;
    }
    this.#deliverEnd();
  }

  #dropHeld(): void {
    this.#chunk = undefined;
    this.#later.take();
  }

  #end(): void {
    this.#bodyEnded = true;
    this.#deliverEnd();
  }

  #deliverEnd(): void {
    if (!this.#bodyEnded || this.#endDelivered || this.#paused || this.#scanning || this.#stopped) return;
    this.#endDelivered = true;
    try {
      const value = this.#skipping ? undefined : this.#scanner.finish();
      if (value !== undefined) this.#sink.onValue(value);
    } catch (error) {
      this.skipRest();
      this.#sink.onBadBody(error);
    }
    if (!this.#stopped) this.#sink.onEnd();
  }
}
