import { Code, codeName } from "@quorate/rpc/status";
import { FAILURES, type FailureCode, RequestError } from "../../errors.ts";
import { httpStatusOf } from "../gateway/status.ts";

/** A call of ours that was answered with a status other than OK. */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  readonly code: number;
  /** When it may be tried again, if that was said. */
  readonly retryAfterMs: number | undefined;

  constructor(code: number, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a client is told of what it cannot have. */
export interface Problem {
  readonly status: number;
  /** gRPC's. */
  readonly code: number;
  readonly message: string;
}

/** Where HTTP says it better than the gateway's mapping of gRPC's codes does. */
const STATUSES: Partial<Record<FailureCode, number>> = {
  AUTH_FAILED: 401,
  USER_NAME_EMPTY: 401,
  CONDITION_NOT_MET: 412,
  NOT_FOR_KEYS: 405,
  REQUEST_TOO_LARGE: 413,
  VALUE_TOO_LARGE: 413,
};
const STATUS_BY_TEXT = new Map<string, number>(
  Object.entries(STATUSES).map(([code, status]) => [FAILURES[code as FailureCode][1], status]),
);

/** Undefined of what nobody has foreseen. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof RequestError) {
    const [code, message] = error.status;
    return { status: STATUSES[error.code] ?? httpStatusOf(code), code, message };
  }
  if (!(error instanceof CallFailed)) return undefined;
  const { code, message } = error;
  return { status: STATUS_BY_TEXT.get(message) ?? httpStatusOf(code), code, message };
}

export function problemText({ code, message }: Omit<Problem, "status">): string {
  return `${JSON.stringify({ error: codeName(code), code, message })}\n`;
}

/** The failure that a watcher's refusal quotes: its code's name, and its text. */
export function quotedFailure(reason: string): CallFailed {
  const [, name, text] = /^rpc error: code = (\w+) desc = (.*)$/s.exec(reason) ?? [];
  const code = Object.values(Code).find((each) => codeName(each) === name);
  return new CallFailed(code ?? Code.INVALID_ARGUMENT, text ?? reason);
}
