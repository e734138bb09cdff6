import type { ConnectionLimits } from "./limits.ts";
import { type Http2Stream, QUEUE_OF_ANSWER, QUEUE_OF_LARGE_ANSWER, type QueuedBytes } from "./stream.ts";
import type { StreamTable } from "./stream-table.ts";
import { WaitingRoom } from "./waiting-room.ts";

/** Makes calls wait while too many answers of their connection have not been sent. */
export class AnswerRooms {
  /** Calls are begun here: they wait while too much of earlier answers does. */
  readonly calls: WaitingRoom;
  /** Answers that may be large are begun here. */
  readonly answers: WaitingRoom;
  /** How many of them are in the making. */
  inTheMaking = 0;
  /** The answer, of those that did not ask for room, that is likely to have the longest queue. */
  #largestAnswer: Http2Stream | undefined = undefined;
  readonly #maxQueuedBytes: number;
  readonly #queued: Readonly<QueuedBytes>;
  readonly #streams: StreamTable;

  /** `queued` has the octets that wait on all of `streams`, by the kind of queue. */
  constructor(limits: ConnectionLimits, queued: Readonly<QueuedBytes>, streams: StreamTable) {
    this.#maxQueuedBytes = limits.maxQueuedBytes;
    this.#queued = queued;
    this.#streams = streams;
    this.calls = new WaitingRoom(() => this.#answersPileUp());
    this.answers = new WaitingRoom(
      () =>
        this.inTheMaking >= limits.maxAnswersInTheMaking ||
        queued[QUEUE_OF_LARGE_ANSWER] > limits.maxQueuedBytes,
    );
  }

  /** A new call has to wait in `calls`. */
  get holdCalls(): boolean {
    // Nearly always the first two comparisons are all.
    if (this.calls.isEmpty && this.#queued[QUEUE_OF_ANSWER] <= this.#maxQueuedBytes) return false;
    return this.calls.isFull;
  }

  /** Nothing waits. */
  get areEmpty(): boolean {
    return this.calls.isEmpty && this.answers.isEmpty;
  }

  /** Lets calls and answers begin that there is room for by now; of many some. Whether there are others. */
  recheck(): boolean {
    const moreCalls = !this.calls.isEmpty && this.calls.recheck();
    const moreAnswers = !this.answers.isEmpty && this.answers.recheck();
    return moreCalls || moreAnswers;
  }

  /** A unary answer of `bytes` octets is about to be queued on `stream`. */
  noteAnswer(stream: Http2Stream, bytes: number): void {
    if (this.#largestAnswer === undefined || bytes > this.#largestAnswer.queuedBytes)
      this.#largestAnswer = stream;
  }

  /** The stream has left its connection. */
  forget(stream: Http2Stream): void {
    if (stream === this.#largestAnswer) this.#largestAnswer = undefined;
  }

  /** One answer of any size must not hold up the calls beside it; several that nobody reads do. */
  #answersPileUp(): boolean {
    const queuedBytes = this.#queued[QUEUE_OF_ANSWER];
    if (queuedBytes <= this.#maxQueuedBytes) return false;
    let largest = this.#largestAnswer;
    if (largest === undefined || largest.queuedBytes === 0) {
      for (const stream of this.#streams.toArray()) {
        if (stream.queueKind !== QUEUE_OF_ANSWER) continue;
        if (largest === undefined || stream.queuedBytes > largest.queuedBytes) largest = stream;
      }
      this.#largestAnswer = largest;
    }
    return queuedBytes - (largest?.queuedBytes ?? 0) > this.#maxQueuedBytes;
  }
}
