import { exponentialBounds, Histogram } from "@quorate/storage/histogram";
import { InternalField } from "@quorate/wire/hot";
import { isRefusedWith } from "../errors.ts";

export const REQUEST_BOUNDS = exponentialBounds(0.001, 2, 14);
export const APPLY_BOUNDS = exponentialBounds(0.0001, 2, 20);

/** How long something took in seconds, by whether it succeeded. */
export class Times {
  readonly succeeded: Histogram;
  readonly failed: Histogram;

  constructor(bounds: readonly number[]) {
    this.succeeded = new Histogram(bounds);
    this.failed = new Histogram(bounds);
  }

  /** Hot. */
  observe(seconds: number, hasSucceeded: boolean): void {
    (hasSucceeded ? this.succeeded : this.failed).observe(seconds);
  }
}

/** Of one kind of operation that goes through the log. */
export interface KindTimes {
  /** As etcd's metrics call it: `Put`. */
  readonly name: string;
  /** From proposing to the answer, of those that this member has proposed. A refusal is an answer. */
  readonly requests: Times;
  /** Of applying it. */
  readonly applied: Times;
}

const KINDS: readonly (readonly [field: number, name: string])[] = Object.entries(InternalField).map(
  ([name, field]) => [field, name.charAt(0).toUpperCase() + name.slice(1)],
);

/** How long operations take that go through the log, by the number of their field in an entry. */
export class OperationTimes {
  /** Entries that took longer to apply than `--warning-apply-duration`. */
  slow = 0;
  readonly kinds: ReadonlyMap<number, KindTimes> = new Map(
    KINDS.map(([field, name]) => [
      field,
      { name, requests: new Times(REQUEST_BOUNDS), applied: new Times(APPLY_BOUNDS) },
    ]),
  );
  /** That of the entry before: most are of the same as it. */
  #lastField = 0;
  #last: KindTimes | undefined = undefined;

  /** Of an operation with this field; undefined when it is none. Hot. */
  kindOf(field: number): KindTimes | undefined {
    if (field !== this.#lastField) {
      this.#lastField = field;
      this.#last = this.kinds.get(field);
    }
    return this.#last;
  }
}

/** Which operation was executed last, and what came of it: one is executed at a time. */
export class LastExecuted {
  /** Its field in the entry; 0: none, but what has no kind. */
  field = 0;
  /** To find that history is compacted is what was asked for. */
  hasSucceeded = false;

  /** Hot. */
  begin(field: number): void {
    this.field = field;
    this.hasSucceeded = true;
  }

  failed(error: unknown): void {
    this.hasSucceeded = isRefusedWith(error, "COMPACTED");
  }

  /** Of one that takes several turns. */
  async follow<Outcome>(outcome: Promise<Outcome>): Promise<Outcome> {
    try {
      return await outcome;
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }
}
