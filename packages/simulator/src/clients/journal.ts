/** What a client did and was told. Times are the world's, in milliseconds. */
export interface Operation {
  readonly client: string;
  readonly member: string;
  readonly action: Action;
  readonly startMs: number;
  /** The highest revision that anybody had been told of before the start; of a serializable read, by its member's process. */
  readonly floor: number;
  endMs: number | undefined;
  /** maybe: nobody told the client. never: it was told that there was no effect. */
  outcome: "ok" | "maybe" | "never";
  answer: Answer | undefined;
}

/** `value` is another one in each write of a run. */
export type Action =
  | { readonly kind: "put"; readonly key: string; readonly value: string; readonly lease?: bigint }
  | { readonly kind: "delete"; readonly key: string }
  | {
      readonly kind: "swap";
      readonly key: string;
      readonly logKey: string;
      readonly value: string;
      readonly expected: number;
      /** It also reads what `key` held at this revision. */
      readonly readRevision?: number;
      /** It also reads all of this, before it writes and afterwards. */
      readonly readRange?: KeyInterval;
      /** All but the comparison is in a transaction of its own, within. */
      readonly isNested?: boolean;
    }
  | { readonly kind: "range"; readonly key: string; readonly end: string; readonly serializable: boolean };

export interface Answer {
  readonly revision: number;
  /** swap: whether it was made. delete: whether there was something to delete. */
  readonly changed?: boolean;
  /** range, and swap that reads at a revision: key to value and revision of the last write. */
  readonly found?: readonly FoundKey[];
  /** swap that reads an interval: the same, before it writes and afterwards. */
  readonly before?: readonly FoundKey[];
  readonly after?: readonly FoundKey[];
}

export interface KeyInterval {
  readonly key: string;
  readonly end: string;
}

export interface FoundKey {
  readonly key: string;
  readonly value: string;
  readonly modRevision: number;
}

/** What all clients of a run did. */
export class Journal {
  readonly operations: Operation[] = [];
  /** The highest revision that anybody has been told of. */
  told = 0;

  begin(client: string, member: string, action: Action, floor: number, nowMs: number): Operation {
    const operation: Operation = {
      client,
      member,
      action,
      startMs: nowMs,
      floor,
      endMs: undefined,
      outcome: "maybe",
      answer: undefined,
    };
    this.operations.push(operation);
    return operation;
  }

  answered(operation: Operation, answer: Answer, nowMs: number): void {
    operation.endMs = nowMs;
    operation.outcome = "ok";
    operation.answer = answer;
    this.told = Math.max(this.told, answer.revision);
  }

  failed(operation: Operation, hadNoEffect: boolean, nowMs: number): void {
    operation.endMs = nowMs;
    if (hadNoEffect) operation.outcome = "never";
  }
}

export function describe(operation: Operation): string {
  const { client, member, action, startMs, endMs, floor, outcome, answer } = operation;
  const times = `${startMs.toFixed(1)}-${endMs?.toFixed(1) ?? ""} ms`;
  return `${client} at ${member}, ${times}: ${text(action)}, floor ${floor}, ${outcome} ${answer === undefined ? "" : text(answer)}`;
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? part.toString(16) : part));
}
