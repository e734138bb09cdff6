import { Code } from "@quorate/rpc/status";

/** Every failure that a client can be told of: our code, the gRPC status and etcd's text, byte for byte. */
export const FAILURES = {
  KEY_NOT_PROVIDED: [Code.INVALID_ARGUMENT, "etcdserver: key is not provided"],
  KEY_NOT_FOUND: [Code.INVALID_ARGUMENT, "etcdserver: key not found"],
  VALUE_PROVIDED: [Code.INVALID_ARGUMENT, "etcdserver: value is provided"],
  LEASE_PROVIDED: [Code.INVALID_ARGUMENT, "etcdserver: lease is provided"],
  TOO_MANY_OPS: [Code.INVALID_ARGUMENT, "etcdserver: too many operations in txn request"],
  DUPLICATE_KEY: [Code.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request"],
  INVALID_CLIENT_API_VERSION: [Code.INVALID_ARGUMENT, "etcdserver: invalid client api version"],
  INVALID_SORT_OPTION: [Code.INVALID_ARGUMENT, "etcdserver: invalid sort option"],
  REQUEST_TOO_LARGE: [Code.INVALID_ARGUMENT, "etcdserver: request is too large"],
  COMPACTED: [Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"],
  FUTURE_REVISION: [Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"],
  NO_SPACE: [Code.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"],
  LEASE_NOT_FOUND: [Code.NOT_FOUND, "etcdserver: requested lease not found"],
  LEASE_EXISTS: [Code.FAILED_PRECONDITION, "etcdserver: lease already exists"],
  LEASE_TTL_TOO_LARGE: [Code.OUT_OF_RANGE, "etcdserver: too large lease TTL"],
  NOT_PRIMARY_LESSOR: [Code.UNKNOWN, "not a primary lessor"],
  WATCH_CANCELED: [Code.CANCELLED, "etcdserver: watch canceled"],
  MEMBER_NOT_FOUND: [Code.NOT_FOUND, "etcdserver: member not found"],
  /** An ID that was a member's once may never come back. */
  MEMBER_REMOVED: [Code.NOT_FOUND, "etcdserver: member not found"],
  MEMBER_EXISTS: [Code.FAILED_PRECONDITION, "etcdserver: member ID already exist"],
  PEER_URL_EXISTS: [Code.FAILED_PRECONDITION, "etcdserver: Peer URLs already exists"],
  BAD_MEMBER_URLS: [Code.INVALID_ARGUMENT, "etcdserver: given member URLs are invalid"],
  MEMBER_NOT_LEARNER: [Code.FAILED_PRECONDITION, "etcdserver: can only promote a learner member"],
  LEARNER_NOT_READY: [
    Code.FAILED_PRECONDITION,
    "etcdserver: can only promote a learner member which is in sync with leader",
  ],
  TOO_MANY_LEARNERS: [Code.FAILED_PRECONDITION, "etcdserver: too many learner members in cluster"],
  NOT_SUPPORTED_FOR_LEARNER: [Code.FAILED_PRECONDITION, "etcdserver: rpc not supported for learner"],
  UNHEALTHY: [Code.UNAVAILABLE, "etcdserver: unhealthy cluster"],
  /** No member proposes such a change; one that is in the log all the same has no effect. */
  MALFORMED_CONF_CHANGE: [Code.UNKNOWN, "etcdserver: malformed configuration change"],
  WRONG_DOWNGRADE_VERSION_FORMAT: [
    Code.INVALID_ARGUMENT,
    "etcdserver: wrong downgrade target version format",
  ],
  INVALID_DOWNGRADE_TARGET_VERSION: [Code.INVALID_ARGUMENT, "etcdserver: invalid downgrade target version"],
  CLUSTER_VERSION_UNAVAILABLE: [
    Code.FAILED_PRECONDITION,
    "etcdserver: cluster version not found during downgrade",
  ],
  DOWNGRADE_IN_PROCESS: [Code.FAILED_PRECONDITION, "etcdserver: cluster has a downgrade job in progress"],
  NO_INFLIGHT_DOWNGRADE: [Code.FAILED_PRECONDITION, "etcdserver: no inflight downgrade job"],
  NO_LEADER: [Code.UNAVAILABLE, "etcdserver: no leader"],
  NOT_LEADER: [Code.FAILED_PRECONDITION, "etcdserver: not leader"],
  LEADER_CHANGED: [Code.UNAVAILABLE, "etcdserver: leader changed"],
  BAD_LEADER_TRANSFEREE: [Code.FAILED_PRECONDITION, "etcdserver: bad leader transferee"],
  AUTH_NOT_ENABLED: [Code.FAILED_PRECONDITION, "etcdserver: authentication is not enabled"],
  PERMISSION_DENIED: [Code.PERMISSION_DENIED, "etcdserver: permission denied"],
  NOT_CAPABLE: [Code.FAILED_PRECONDITION, "etcdserver: not capable"],
  STOPPED: [Code.UNAVAILABLE, "etcdserver: server stopped"],
  TIMEOUT: [Code.UNAVAILABLE, "etcdserver: request timed out"],
  TIMEOUT_LEADER_FAILED: [
    Code.UNAVAILABLE,
    "etcdserver: request timed out, possibly due to previous leader failure",
  ],
  TIMEOUT_CONNECTION_LOST: [
    Code.UNAVAILABLE,
    "etcdserver: request timed out, possibly due to connection lost",
  ],
  TIMEOUT_APPLIED_INDEX: [
    Code.UNAVAILABLE,
    "etcdserver: request timed out, waiting for the applied index took too long",
  ],
  CORRUPT: [Code.DATA_LOSS, "etcdserver: corrupt cluster"],
  CANCELED: [Code.CANCELLED, "etcdserver: request canceled"],
  DEADLINE_EXCEEDED: [Code.DEADLINE_EXCEEDED, "context deadline exceeded"],
  // These are declared with other codes in etcd, or with none, but reach clients as Unknown.
  TOO_MANY_REQUESTS: [Code.UNKNOWN, "etcdserver: too many requests"],
  NOT_ENOUGH_STARTED_MEMBERS: [
    Code.UNKNOWN,
    "etcdserver: re-configuration failed due to not enough started members",
  ],
  TIMEOUT_LEADER_TRANSFER: [Code.UNKNOWN, "etcdserver: request timed out, leader transfer took too long"],
  PROPOSAL_DROPPED: [Code.UNKNOWN, "raft proposal dropped"],
  STREAM_CUSTOM_SORT: [Code.UNIMPLEMENTED, "RangeStream does not support custom sort orders"],
  STREAM_FILTERS: [Code.UNIMPLEMENTED, "RangeStream does not support revision filters"],
  UNKNOWN_METHOD: [Code.UNKNOWN, "etcdserver: unknown method"],
} as const satisfies Record<string, readonly [code: number, message: string]>;

export type FailureCode = keyof typeof FAILURES;

/** A request that was refused or did not come through. `code` is stable, `message` etcd's text. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly code: FailureCode;

  constructor(code: FailureCode) {
    super(FAILURES[code][1]);
    this.code = code;
  }
}

/** Whether `error` is the refusal with this code. */
export function isRefusedWith(error: unknown, code: FailureCode): boolean {
  return error instanceof RequestError && error.code === code;
}

/** What clients are told of a message that cannot be decoded: Go's words, wherever in it the fault is. */
export function decodingText(error: unknown): string {
  const { problem } = error as { problem?: string };
  if (problem === "encoding") return "proto: cannot parse invalid wire-format data";
  if (problem === "text") return "string field contains invalid UTF-8";
  return error instanceof Error ? error.message : String(error);
}

/** The gRPC status of a failure that clients are told of; undefined for any other error. */
export function statusOf(error: unknown): readonly [code: number, message: string] | undefined {
  return error instanceof RequestError ? FAILURES[error.code] : undefined;
}
