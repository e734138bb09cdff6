/** gRPC status codes. */
export const Code = Object.freeze({
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
});

const NAMES: readonly string[] = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

/** The code's name as metrics and logs of the Go implementation spell it. */
export function codeName(code: number): string {
  return NAMES[code] ?? `Code(${code})`;
}

/** How a call ended. `metadata` holds the trailers (names in lower case, `-bin` values still in base64). */
export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: ReadonlyMap<string, readonly string[]>;
}

export const NO_METADATA: ReadonlyMap<string, readonly string[]> = new Map();

/** A call that did not end with OK. Thrown by a handler, it becomes the call's status. */
export class GrpcError extends Error implements GrpcStatus {
  override readonly name = "GrpcError";
  readonly code: number;
  readonly details: string;
  readonly metadata: ReadonlyMap<string, readonly string[]>;

  constructor(code: number, details: string, metadata: ReadonlyMap<string, readonly string[]> = NO_METADATA) {
    super(`${codeName(code)}: ${details}`);
    this.code = code;
    this.details = details;
    this.metadata = metadata;
  }
}
