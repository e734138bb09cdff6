import { Code, codeName, type GrpcStatus } from "@quorate/rpc/status";
import { API_ERRORS } from "./api-errors.ts";

/** A request that failed. */
export class ClientError extends Error {
  override readonly name = "ClientError";
  /** A gRPC status code; {@link Code} names them. */
  readonly code: number;
  /** What the server said, or why there was no answer. */
  readonly details: string;

  /**
   * The message is the text alone when it is one of the API's own errors or the client's; anything else is told with its code,
   * as Go's client does.
   */
  constructor(code: number, details: string, options?: ErrorOptions) {
    const known = API_ERRORS.has(details) || details === DEADLINE_TEXT || details === CANCELED_TEXT;
    super(known ? details : textWithCode(code, details), options);
    this.code = code;
    this.details = details;
  }

  /** The text with its code, of whatever kind it is. */
  get textWithCode(): string {
    return textWithCode(this.code, this.details);
  }
}

function textWithCode(code: number, details: string): string {
  return `rpc error: code = ${codeName(code)} desc = ${details}`;
}

const DEADLINE_TEXT = "context deadline exceeded";
const CANCELED_TEXT = "context canceled";

export const COMPACTED_TEXT = "etcdserver: mvcc: required revision has been compacted";

/** Whether a watch ended because a compaction has removed what it was to begin with. */
export function isCompacted(error: unknown): boolean {
  return error instanceof ClientError && error.details === COMPACTED_TEXT;
}

export function deadlineExceeded(): ClientError {
  return new ClientError(Code.DEADLINE_EXCEEDED, DEADLINE_TEXT);
}

export function canceled(): ClientError {
  return new ClientError(Code.CANCELLED, CANCELED_TEXT);
}

/** What a call's status means to whoever made the call. */
export function errorOf(status: GrpcStatus): ClientError {
  return new ClientError(status.code, status.details);
}

/** A learner has refused the call without beginning it; a member that votes may serve it. */
export function isOfLearner({ details }: GrpcStatus | ClientError): boolean {
  return details === "etcdserver: rpc not supported for learner";
}

/** Whether a watch or a stream may go on with another connection after this. */
export function isTemporary({ code, details }: GrpcStatus | ClientError): boolean {
  return (code === Code.UNAVAILABLE && details !== "etcdserver: no leader") || code === Code.INTERNAL;
}
