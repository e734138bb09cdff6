import type { Message } from "@quorate/raft";

/** Takes down what happens in a world. Changes nothing of it. */
export interface WorldRecorder extends MessageRecorder, CallRecorder {
  /** Called after each event. */
  sample(): void;
  violation(text: string): void;
}

export interface MessageRecorder {
  /** Addresses are those of machines. Whoever sends it says in the answer when it is received. */
  sent(from: string, to: string, message: Message): { receivedMs: number | undefined };
}

export interface CallRecorder {
  /** A call of a client. Whoever made it says when and how it ends, by `ended`. */
  called(client: string, member: string, what: string): RecordedCall;
  /** A watch stream of a watcher, which is a call. */
  watched(client: string, member: string, fromRevision: number): RecordedCall;
  ended(call: RecordedCall, error?: Error): void;
  /** A watcher has been told something. */
  delivered(client: string, text: string): void;
}

/** Times are the world's, in milliseconds. */
export interface RecordedCall {
  readonly client: string;
  readonly member: string;
  readonly what: string;
  readonly startMs: number;
  endMs: number | undefined;
  /** Why it failed; undefined when it succeeded. */
  error: string | undefined;
}
