import type { Revision } from "@quorate/storage/seams/backend";
import type { Steps } from "@quorate/storage/slices";
import type { RangeRequest, TxnResponseParts } from "@quorate/wire/hot";
import { RequestError } from "../../errors.ts";
import type { KeyIndex } from "../index/key-index.ts";
import type { RangeCaller } from "../range.ts";
import type { ReadView } from "../read-views.ts";
import type { StoreState } from "../store-state.ts";
import { nestedResponse, type TxnOutcome } from "./outcome.ts";
import { rangeResponseSteps, releaseResponses } from "./records-response.ts";

/** A range that is decided and not read: it is read at revision `at`, and `revision` is the one for its header. */
export class UnreadRange {
  readonly request: RangeRequest;
  readonly at: Revision;
  readonly revision: Revision;

  constructor(request: RangeRequest, at: Revision, revision: Revision) {
    this.request = request;
    this.at = at;
    this.revision = revision;
  }
}

/** A transaction inside another one, with something unread. */
export class UnreadNested {
  readonly succeeded: boolean;
  readonly answers: Answer[];

  constructor(succeeded: boolean, answers: Answer[]) {
    this.succeeded = succeeded;
    this.answers = answers;
  }
}

/** What an operation of a transaction is answered with, or what is still to be read for it. */
export type Answer = TxnResponseParts | UnreadRange | UnreadNested;

export function isRead(answer: Answer): answer is TxnResponseParts {
  return !(answer instanceof UnreadRange || answer instanceof UnreadNested);
}

/**
 * Reads what is unread of `answers`, and takes all out of it. Their revisions must stay readable. Who gives the steps up
 * ends them: the memory of all answers is given back then.
 */
export function* readAnswers(state: StoreState, answers: Answer[]): Steps<TxnResponseParts[]> {
  let isDone = false;
  try {
    const responses = yield* responsesOf(state, answers);
    // They are the caller's now.
    answers.length = 0;
    isDone = true;
    return responses;
  } finally {
    if (!isDone) dropAnswers(answers);
  }
}

function* responsesOf(state: StoreState, answers: Answer[]): Steps<TxnResponseParts[]> {
  const responses: TxnResponseParts[] = [];
  for (let i = 0; i < answers.length; i++) {
    const answer = answers[i]!;
    let response: TxnResponseParts;
    if (answer instanceof UnreadRange) {
      response = yield* rangeResponseSteps(state, answer.request, answer.at, answer.revision);
    } else if (answer instanceof UnreadNested) {
      response = nestedResponse(answer.succeeded, yield* responsesOf(state, answer.answers));
    } else response = answer;
    answers[i] = response;
    responses.push(response);
  }
  return responses;
}

/** Gives the memory of answers back that nobody wants any more. Idempotent: none are left. */
function dropAnswers(answers: Answer[]): void {
  for (const answer of answers.splice(0)) {
    if (answer instanceof UnreadNested) dropAnswers(answer.answers);
    else if (isRead(answer)) releaseResponses([answer]);
  }
}

/**
 * A transaction that is applied, and not yet all read of what it answers with: its entry has decided at which revisions,
 * and those behind it need not wait.
 */
export class UnreadTxn {
  /** As of a `TxnOutcome`. */
  readonly revision: Revision;
  readonly #state: StoreState;
  readonly #succeeded: boolean;
  readonly #answers: Answer[];
  /** The lowest revision that something is read at. */
  readonly #lowest: Revision;
  readonly #index: KeyIndex;
  #view: ReadView | undefined;
  #stopWaiting = (): void => {};

  /** The state must be the one that its entry has left. */
  constructor(
    state: StoreState,
    revision: Revision,
    succeeded: boolean,
    answers: Answer[],
    lowest: Revision,
  ) {
    this.#state = state;
    this.revision = revision;
    this.#succeeded = succeeded;
    this.#answers = answers;
    this.#lowest = lowest;
    this.#index = state.index;
  }

  /** The rest, in the state that its entry has left or while a view keeps it readable. */
  *steps(): Steps<TxnOutcome> {
    const responses = yield* readAnswers(this.#state, this.#answers);
    return { revision: this.revision, succeeded: this.#succeeded, responses };
  }

  /**
   * Reads the rest in turns of the loop, one transaction after another, whatever is applied and compacted meanwhile. To be
   * called, once, before the next entry is applied. Rejects with CANCELED when the caller has gone, and with TIMEOUT, as
   * whatever may have been applied and cannot be told, when a compaction has waited long for its end, or another state has
   * come in the place of this one, or the store was closed.
   */
  async read(caller: RangeCaller): Promise<TxnOutcome> {
    const state = this.#state;
    const { unreadTxns, views } = state;
    const view = views.open(this.#lowest);
    this.#view = view;
    const steps = this.steps();
    try {
      await this.#roomOf(caller);
      const turn = unreadTxns.acquire();
      if (turn !== undefined) await turn;
      try {
        const outcome = await state.reading.restWhile(steps, () => {
          if (caller.ended) throw new RequestError("CANCELED");
          return !view.isGivenUp && !state.isClosed && state.index === this.#index;
        });
        if (outcome !== undefined) return outcome;
      } finally {
        unreadTxns.release();
      }
    } finally {
      views.close(view);
      dropAnswers(this.#answers);
    }
    state.counters.unansweredTxns += 1;
    throw new RequestError("TIMEOUT");
  }

  /** Instead of `read`: nobody is to be told. */
  drop(): void {
    dropAnswers(this.#answers);
  }

  /** The caller has gone, and waits no more: compactions need not wait for this any more. */
  cancel(): void {
    if (this.#view !== undefined) this.#state.views.close(this.#view);
    this.#stopWaiting();
  }

  async #roomOf(caller: RangeCaller): Promise<void> {
    if (caller.whenAnswerRoom === undefined || caller.ended) return;
    await new Promise<void>((resolve) => {
      this.#stopWaiting = resolve;
      caller.whenAnswerRoom!(resolve);
    });
  }
}
