import type { WatchSink } from "../sink.ts";

/** Collects messages; full once it holds `capacity` messages until it is emptied. */
export class MemorySink implements WatchSink {
  messages: Uint8Array[] = [];
  /** The parts of those that came in parts. */
  readonly inParts: (readonly Uint8Array[])[] = [];
  capacity = Number.POSITIVE_INFINITY;
  ended: { code: number; message: string } | undefined = undefined;
  readingPaused = false;
  onSend: () => void = () => {};

  send(message: Uint8Array): boolean {
    this.messages.push(message);
    this.onSend();
    return this.messages.length < this.capacity;
  }

  sendInParts(parts: readonly Uint8Array[]): boolean {
    this.inParts.push(parts);
    return this.send(new Uint8Array(Buffer.concat(parts)));
  }

  fail(code: number, message: string): void {
    this.ended = { code, message };
  }

  pauseReading(): void {
    this.readingPaused = true;
  }

  resumeReading(): void {
    this.readingPaused = false;
  }

  /** Everything held, which is no longer held then. */
  take(): Uint8Array[] {
    const taken = this.messages;
    this.messages = [];
    return taken;
  }
}
