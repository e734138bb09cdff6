import type { CancelReason, Peer, ServerCall } from "@quorate/rpc";
import { Code } from "../errors.ts";
import type { GatewayBackend, GatewayCall, GatewaySink } from "../http/gateway/backend.ts";
import type { Clock, Timer } from "../seams/clock.ts";
import type { Services, StreamHandler, UnaryHandler } from "./services.ts";

const LOOPBACK: Peer = { address: "127.0.0.1", port: 0 };

/** Calls of this member's own services from within the process, with the checks and limits that gRPC calls have. */
export function localCalls(services: Services, clock: Clock, maxReceiveBytes: number): GatewayBackend {
  return {
    start(path, metadata, deadlineMs, sink) {
      const call = new LocalCall(path, metadata, deadlineMs, sink, clock, maxReceiveBytes);
      call.start(services.unary.get(path), services.streams.get(path));
      const caller: GatewayCall = {
        send: (message) => call.receive(message),
        halfClose: () => call.receiveEnd(),
        cancel: () => call.cancel("canceled"),
        pause: () => call.pauseOutput(),
        resume: () => call.resumeOutput(),
      };
      return caller;
    },
  };
}

/** One call in the process, as its handler sees it. */
class LocalCall implements ServerCall {
  readonly path: string;
  readonly peer = LOOPBACK;
  readonly deadlineMs: number;
  readonly #metadata: Map<string, string[]>;
  readonly #sink: GatewaySink;
  readonly #maxReceiveBytes: number;
  readonly #deadline: Timer | undefined;
  #unary: UnaryHandler | undefined;
  /** Requests that came while the handler did not read. */
  #waiting: Uint8Array[] = [];
  #readingPaused = false;
  #inputEnded = false;
  #outputPaused = false;
  ended = false;
  userData: unknown = undefined;
  queuedBytes = 0;
  receivedMessages = 0;
  sentMessages = 0;
  onMessage?: ((message: Uint8Array) => void) | undefined = undefined;
  onHalfClose?: (() => void) | undefined = undefined;
  onDrain?: (() => void) | undefined = undefined;
  onCancel?: ((reason: CancelReason) => void) | undefined = undefined;

  constructor(
    path: string,
    metadata: Map<string, string[]>,
    timeoutMs: number,
    sink: GatewaySink,
    clock: Clock,
    maxReceiveBytes: number,
  ) {
    this.path = path;
    this.#metadata = metadata;
    this.#sink = sink;
    this.#maxReceiveBytes = maxReceiveBytes;
    this.deadlineMs = clock.nowMs() + timeoutMs;
    this.#deadline =
      timeoutMs === Number.POSITIVE_INFINITY ? undefined : clock.setTimer(timeoutMs, () => this.#expire());
  }

  start(unary: UnaryHandler | undefined, stream: StreamHandler | undefined): void {
    this.#unary = unary;
    if (stream !== undefined) this.#guard(() => stream(this));
    else if (unary === undefined) {
      const [, service, method] = this.path.split("/");
      this.fail(Code.UNIMPLEMENTED, `unknown method ${method} for service ${service}`);
    }
  }

  // What the caller does.

  receive(message: Uint8Array): void {
    if (this.ended) return;
    if (message.length > this.#maxReceiveBytes) {
      this.cancel("canceled");
      const text = `grpc: received message larger than max (${message.length} vs. ${this.#maxReceiveBytes})`;
      this.#sink.onEnd(Code.RESOURCE_EXHAUSTED, text);
      return;
    }
    if (this.#readingPaused) this.#waiting.push(message);
    else this.#deliver(message);
  }

  receiveEnd(): void {
    this.#inputEnded = true;
    if (this.#waiting.length === 0 && !this.ended) this.#guard(() => this.onHalfClose?.());
  }

  /** No callback of the sink follows. */
  cancel(reason: CancelReason): void {
    if (!this.#finish()) return;
    const { onCancel } = this;
    this.onCancel = undefined;
    onCancel?.(reason);
  }

  pauseOutput(): void {
    this.#outputPaused = true;
  }

  resumeOutput(): void {
    if (!this.#outputPaused) return;
    this.#outputPaused = false;
    if (!this.ended) this.#guard(() => this.onDrain?.());
  }

  // What the handler does.

  metadata(name: string): string | undefined {
    return this.#metadata.get(name)?.[0];
  }

  metadataValues(name: string): readonly string[] {
    return this.#metadata.get(name) ?? [];
  }

  binaryMetadata(name: string): Uint8Array | undefined {
    const value = this.metadata(name);
    return value === undefined ? undefined : Buffer.from(value, "latin1");
  }

  // Responses over JSON carry no metadata of ours.
  setHeader(): void {}
  setTrailer(): void {}
  sendHeaders(): void {}
  useGzip(): boolean {
    return false;
  }

  reply(message: Uint8Array): void {
    if (!this.#finish()) return;
    this.sentMessages = 1;
    this.#sink.onMessage(message);
    this.#sink.onEnd(Code.OK, "");
  }

  replyInParts(parts: readonly Uint8Array[], release: (part: Uint8Array) => void): void {
    const message = Buffer.concat(parts);
    for (const part of parts) release(part);
    this.reply(message);
  }

  send(message: Uint8Array): boolean {
    if (this.ended) return false;
    this.sentMessages++;
    this.#sink.onMessage(message);
    return !this.#outputPaused;
  }

  end(): void {
    if (this.#finish()) this.#sink.onEnd(Code.OK, "");
  }

  fail(code: number, message: string): void {
    if (this.#finish()) this.#sink.onEnd(code, message);
  }

  pauseReading(): void {
    this.#readingPaused = true;
  }

  resumeReading(): void {
    this.#readingPaused = false;
    while (this.#waiting.length > 0 && !this.#readingPaused && !this.ended)
      this.#deliver(this.#waiting.shift()!);
    if (this.#waiting.length === 0 && this.#inputEnded && !this.#readingPaused && !this.ended) {
      this.#guard(() => this.onHalfClose?.());
    }
  }

  #deliver(message: Uint8Array): void {
    this.receivedMessages++;
    const unary = this.#unary;
    this.#guard(() => (unary === undefined ? this.onMessage?.(message) : unary(message, this)));
  }

  #expire(): void {
    if (this.ended) return;
    this.cancel("deadline");
    this.#sink.onEnd(Code.DEADLINE_EXCEEDED, "context deadline exceeded");
  }

  #finish(): boolean {
    if (this.ended) return false;
    this.ended = true;
    this.#waiting = [];
    this.#deadline?.cancel();
    return true;
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.fail(Code.UNKNOWN, error instanceof Error ? error.message : String(error));
    }
  }
}
