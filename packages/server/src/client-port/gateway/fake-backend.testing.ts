import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { decode, encode } from "@quorate/wire";
import type { GatewayBackend, GatewayCall, GatewaySink } from "../../api/gateway-backend.ts";

/** One call that the gateway made, and the means to answer it. */
export class FakeCall implements GatewayCall {
  readonly path: string;
  readonly metadata: Map<string, string[]>;
  readonly deadlineMs: number;
  readonly sent: Uint8Array[] = [];
  isHalfClosed = false;
  isCanceled = false;
  pauses = 0;
  resumes = 0;
  /** For tests that count. */
  sentEvents = 0;
  readonly #sink: GatewaySink;
  readonly #behave: (call: FakeCall, event: FakeEvent) => void;

  constructor(
    path: string,
    metadata: Map<string, string[]>,
    deadlineMs: number,
    sink: GatewaySink,
    behave: (call: FakeCall, event: FakeEvent) => void,
  ) {
    this.path = path;
    this.metadata = metadata;
    this.deadlineMs = deadlineMs;
    this.#sink = sink;
    this.#behave = behave;
  }

  send(message: Uint8Array): void {
    this.sent.push(message);
    this.#behave(this, "message");
  }

  halfClose(): void {
    this.isHalfClosed = true;
    this.#behave(this, "halfClose");
  }

  cancel(): void {
    this.isCanceled = true;
    this.#behave(this, "cancel");
  }

  pause(): void {
    this.pauses++;
  }

  resume(): void {
    this.resumes++;
    this.#behave(this, "resume");
  }

  /** The last request message. */
  request<Schema extends DescMessage>(schema: Schema): MessageShape<Schema> {
    return decode(schema, this.sent.at(-1)!);
  }

  reply<Schema extends DescMessage>(schema: Schema, message: MessageInitShape<Schema>): void {
    this.#sink.onMessage(encode(schema, message));
  }

  /** A reply in parts; each is overwritten when the gateway has released it. Returns how many are still held. */
  replyInParts(
    parts: readonly Uint8Array[],
    onReleased: (part: Uint8Array) => void = () => {},
  ): { readonly held: number } {
    const state = { held: parts.length };
    this.#sink.onParts(parts, (part) => {
      part.fill(0xff);
      state.held--;
      onReleased(part);
    });
    return state;
  }

  whenAnswerRoom(begin: () => void): void {
    this.#sink.whenAnswerRoom!(begin);
  }

  pauseReading(): void {
    this.#sink.onPauseReading();
  }

  resumeReading(): void {
    this.#sink.onResumeReading();
  }

  end(code = 0, message = ""): void {
    this.#sink.onEnd(code, message);
  }

  replyAndEnd<Schema extends DescMessage>(schema: Schema, message: MessageInitShape<Schema>): void {
    this.reply(schema, message);
    this.end();
  }
}

export type FakeEvent = "start" | "message" | "halfClose" | "cancel" | "resume";

/** Calls whose behaviour a test writes; it remembers all of them. */
export class FakeBackend implements GatewayBackend {
  readonly serves = () => false;
  readonly calls: FakeCall[] = [];
  /** What the current test wants calls to do. */
  behave: (call: FakeCall, event: FakeEvent) => void = () => {};

  start(path: string, metadata: Map<string, string[]>, deadlineMs: number, sink: GatewaySink): GatewayCall {
    const call = new FakeCall(path, metadata, deadlineMs, sink, (c, event) => this.behave(c, event));
    this.calls.push(call);
    this.behave(call, "start");
    return call;
  }

  get last(): FakeCall {
    return this.calls.at(-1)!;
  }
}
