/** Takes down what clients do and are told while a cluster is hurt, and finds what is wrong with it. */
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import type { Found, Operation } from "@quorate/testkit/history";
import {
  checkAppends,
  checkLeases,
  checkLinearizability,
  checkOperations,
  EventHistory,
  type LeaseRecord,
} from "@quorate/testkit/history";
import { isExplained, outcomeOf, textOf } from "../client.ts";

export const LOG_PREFIX = "log/";

export interface Answer {
  readonly revision: number;
  readonly succeeded?: boolean;
  readonly found?: Found;
}

/** One life of a member's process: a serializable read promises something only within it. */
export interface Life {
  readonly member: string;
  revision: number;
}

export class Journal {
  readonly operations: Operation[] = [];
  readonly leases: LeaseRecord[] = [];
  readonly history = new EventHistory();
  readonly problems: string[] = [];
  /** How often which error came. */
  readonly errors = new Map<string, number>();
  /** The highest revision that anybody has been told. */
  observed = 1;
  acknowledgedWrites = 0;

  begin(
    intent: Pick<Operation, "client" | "member" | "kind" | "key"> &
      Partial<Pick<Operation, "value" | "expected">>,
    life: Life,
  ): Operation {
    const operation: Operation = {
      value: undefined,
      expected: undefined,
      ...intent,
      startMs: performance.now(),
      floor: intent.kind === "serializable" ? life.revision : this.observed,
      endMs: Infinity,
      outcome: "maybe",
      revision: 0,
      succeeded: false,
      found: null,
    };
    this.operations.push(operation);
    return operation;
  }

  /** `life` is the one the member was in when it was asked. */
  answered(operation: Operation, answer: Answer, life: Life): void {
    operation.endMs = performance.now();
    operation.outcome = "ok";
    operation.revision = answer.revision;
    operation.succeeded = answer.succeeded ?? false;
    operation.found = answer.found ?? null;
    if (operation.kind === "put" || operation.succeeded) this.acknowledgedWrites += 1;
    this.observe(answer.revision, life);
  }

  failed(operation: Operation, error: unknown): void {
    operation.outcome = outcomeOf(error);
    if (operation.outcome === "never") operation.endMs = performance.now();
    this.noteError(error, operation.client);
  }

  /** Somebody was told of a revision by a member. */
  observe(revision: number, life: Life | undefined): void {
    this.observed = Math.max(this.observed, revision);
    if (life !== undefined) life.revision = Math.max(life.revision, revision);
  }

  /** Counts an error; one that no fault explains is a problem. */
  noteError(error: unknown, who: string): void {
    const text = textOf(error);
    this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
    if (!isExplained(error)) this.problem(`${who} got an error that nothing explains: ${text}`);
  }

  problem(text: string): void {
    if (this.problems.length < 100)
      this.problems.push(`${(performance.now() / 1_000).toFixed(3)} s: ${text}`);
  }

  /** Everything that can only be judged at the end, when the history is complete. */
  judge(leaseToleranceMs: number): readonly string[] {
    this.problems.push(
      ...checkOperations(this.operations, this.history),
      ...checkLinearizability(this.operations, this.history),
      ...checkAppends(LOG_PREFIX, this.history),
      ...checkLeases(this.leases, this.history, leaseToleranceMs),
    );
    return this.problems;
  }

  /** Writes everything to a file, one JSON object a line. */
  async save(file: string): Promise<void> {
    const out = createWriteStream(file);
    const write = (value: unknown): void => {
      out.write(`${JSON.stringify(value, (_, field) => (typeof field === "bigint" ? `${field}` : field))}\n`);
    };
    for (const problem of this.problems) write({ problem });
    for (let revision = 2; revision <= this.history.lastRevision; revision++) {
      write({ revision, events: this.history.digest(revision) });
    }
    for (const operation of this.operations) write(operation);
    for (const lease of this.leases) write({ ...lease, keys: [...lease.keys] });
    out.end();
    await finished(out);
  }
}
