import { Code, GrpcError } from "@quorate/rpc/status";

/*
 * Every text that a client or another member is told when something fails, as etcd has it, byte for byte: nowhere else is
 * there one (`test/architecture/texts.test.ts`). Each `%` stands for a fact of the case.
 */

/** What clients are told by a gRPC status, or by its equivalent in JSON: our code, the status and the text. */
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
  AUTH_FAILED: [Code.INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user ID or password"],
  AUTH_OLD_REVISION: [Code.INVALID_ARGUMENT, "etcdserver: revision of auth store is old"],
  INVALID_AUTH_MGMT: [Code.INVALID_ARGUMENT, "etcdserver: invalid auth management"],
  INVALID_AUTH_TOKEN: [Code.UNAUTHENTICATED, "etcdserver: invalid auth token"],
  PERMISSION_DENIED: [Code.PERMISSION_DENIED, "etcdserver: permission denied"],
  PERMISSION_NOT_GIVEN: [Code.INVALID_ARGUMENT, "etcdserver: permission not given"],
  PERMISSION_NOT_GRANTED: [Code.FAILED_PRECONDITION, "etcdserver: permission is not granted to the role"],
  ROLE_EXISTS: [Code.FAILED_PRECONDITION, "etcdserver: role name already exists"],
  ROLE_NAME_EMPTY: [Code.INVALID_ARGUMENT, "etcdserver: role name is empty"],
  ROLE_NOT_FOUND: [Code.FAILED_PRECONDITION, "etcdserver: role name not found"],
  ROLE_NOT_GRANTED: [Code.FAILED_PRECONDITION, "etcdserver: role is not granted to the user"],
  ROOT_ROLE_MISSING: [Code.FAILED_PRECONDITION, "etcdserver: root user does not have root role"],
  ROOT_USER_MISSING: [Code.FAILED_PRECONDITION, "etcdserver: root user does not exist"],
  /** Also of who has not said who they are. */
  USER_NAME_EMPTY: [Code.INVALID_ARGUMENT, "etcdserver: user name is empty"],
  USER_EXISTS: [Code.FAILED_PRECONDITION, "etcdserver: user name already exists"],
  USER_NOT_FOUND: [Code.FAILED_PRECONDITION, "etcdserver: user name not found"],
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
  NO_PASSWORD_USER: [Code.UNKNOWN, "auth: authentication failed, password was given for no password user"],
  PASSWORD_TOO_LONG: [Code.UNKNOWN, "bcrypt: password length exceeds 72 bytes"],
  VERIFY_ONLY_KEY: [Code.UNKNOWN, "auth: token signing attempted with verify-only key"],
  /** Ours: by `--client-requests-per-second` and the like. */
  CLIENT_LIMITED: [
    Code.RESOURCE_EXHAUSTED,
    "etcdserver: too many requests of this client, it may come back in % ms",
  ],
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
  SESSION_EXPIRED: [Code.UNKNOWN, "mutex: session is expired"],
  LEADER_KEY_MISSING: [Code.UNKNOWN, '"leader" field must be provided'],
  ELECTION_NO_LEADER: [Code.UNKNOWN, "election: no leader"],
  ELECTION_NOT_LEADER: [Code.UNKNOWN, "election: not leader"],
  OBSERVE_CLOSED_EARLY: [Code.UNKNOWN, "election: observe closed early"],

  // Of calls as such, whatever the method.
  NO_SUCH_METHOD: [Code.UNIMPLEMENTED, "unknown method % for service %"],
  NO_QUESTION: [Code.INVALID_ARGUMENT, "quorate: the question names no request"],
  UNKNOWN_SERVICE: [Code.NOT_FOUND, "unknown service"],
  MESSAGE_TOO_LARGE: [Code.RESOURCE_EXHAUSTED, "grpc: received message larger than max (% vs. %)"],
  MALFORMED_REQUEST: [Code.INTERNAL, "grpc: error unmarshalling request: %"],
  MALFORMED_STREAM_REQUEST: [Code.INTERNAL, "grpc: failed to unmarshal the received message: %"],
  NO_REQUEST: [Code.UNKNOWN, "EOF"],
  SEVERAL_REQUESTS: [Code.INTERNAL, "unary call with more than one request message"],
  NO_STREAM_REQUEST: [
    Code.INTERNAL,
    "cardinality violation: received no request message from non-client-streaming RPC",
  ],
  SEVERAL_STREAM_REQUESTS: [
    Code.INTERNAL,
    "cardinality violation: received multiple request messages for non-client-streaming RPC",
  ],
  CALL_CANCELED: [Code.CANCELLED, "context canceled"],

  // Of the JSON gateway.
  NO_SUCH_ROUTE: [Code.NOT_FOUND, "Not Found"],
  NOT_A_POST: [Code.UNIMPLEMENTED, "Method Not Allowed"],
  BAD_BINARY_HEADER: [Code.INVALID_ARGUMENT, "invalid binary header %: illegal base64 data"],
  BAD_TIMEOUT: [Code.INVALID_ARGUMENT, "invalid grpc-timeout: %"],
  BODY_ENDS_EARLY: [Code.INVALID_ARGUMENT, "unexpected EOF"],
  BODY_CHUNKS_MALFORMED: [Code.INVALID_ARGUMENT, "malformed chunked encoding"],
  JSON_CHARACTER: [Code.INVALID_ARGUMENT, "invalid character % %"],
  JSON_ENCODING: [Code.INVALID_ARGUMENT, "proto: syntax error (line %:%): invalid UTF-8 in string"],
  JSON_ESCAPE: [Code.INVALID_ARGUMENT, "proto: syntax error (line %:%): invalid escape code in string %"],
  JSON_TOKEN: [Code.INVALID_ARGUMENT, "proto: syntax error (line %:%): unexpected token %"],
  JSON_DEPTH: [Code.INVALID_ARGUMENT, "proto: (line %:%): exceeded max recursion depth"],
  JSON_DUPLICATE_FIELD: [Code.INVALID_ARGUMENT, "proto: (line %:%): duplicate field %"],
  JSON_SECOND_OF_ONEOF: [
    Code.INVALID_ARGUMENT,
    "proto: (line %:%): error parsing %, oneof %.% is already set",
  ],
  JSON_VALUE: [Code.INVALID_ARGUMENT, "proto: (line %:%): invalid value for % field %: %"],
  // Of keys as resources.
  NO_SUCH_KEY: [Code.NOT_FOUND, "quorate: there is no such key"],
  CONDITION_NOT_MET: [Code.FAILED_PRECONDITION, "quorate: the key is not at the revision asked for"],
  BAD_CONDITION: [Code.INVALID_ARGUMENT, "quorate: % takes * or one revision in double quotes"],
  CONDITION_ON_MANY: [Code.INVALID_ARGUMENT, "quorate: a condition is about one key"],
  NOT_FOR_KEYS: [Code.UNIMPLEMENTED, "quorate: keys are not asked for with %"],
  UNKNOWN_PARAMETER: [Code.INVALID_ARGUMENT, "quorate: there is no parameter % here"],
  REPEATED_PARAMETER: [Code.INVALID_ARGUMENT, "quorate: the parameter % is given more than once"],
  BAD_FLAG: [Code.INVALID_ARGUMENT, "quorate: the parameter % is true, false or without a value"],
  BAD_NUMBER: [Code.INVALID_ARGUMENT, "quorate: the parameter % is a decimal number from % to %"],
  BAD_CONTINUATION: [Code.INVALID_ARGUMENT, "quorate: nothing can be continued with that"],
  BAD_EVENT_ID: [Code.INVALID_ARGUMENT, "quorate: Last-Event-ID is the id of no event"],
  VALUE_TOO_LARGE: [Code.RESOURCE_EXHAUSTED, "quorate: a value may have % octets"],
  PAGE_ENDS_WITH_LONG_KEY: [
    Code.FAILED_PRECONDITION,
    "quorate: the page ends with a key that is too long to be named; list without a limit",
  ],
  BAD_CREDENTIALS: [Code.UNAUTHENTICATED, "quorate: these are no basic credentials"],
  NOT_MAPPED: [Code.INTERNAL, "the request could not be mapped to a message"],
  NO_ANSWER: [Code.INTERNAL, "the call ended without a message"],
  INTERNAL: [Code.INTERNAL, "internal error"],
} as const satisfies Record<string, readonly [code: number, message: string]>;

export type FailureCode = keyof typeof FAILURES;

/** Why a watcher was not created, as the only answer to its request says it: its stream goes on. */
export const WATCH_REFUSALS = {
  COMPACTED: FAILURES.COMPACTED[1],
  EMPTY_RANGE: "mvcc: watcher range is empty",
  DUPLICATE_ID: "mvcc: duplicate watch ID provided on the WatchStream",
  /** A whole status: the name of its code, and its text. */
  NOT_PERMITTED: "rpc error: code = % desc = %",
} as const;

/** What is told by an HTTP status, on any port. Other members compare some of the texts. */
export const HTTP_FAILURES = {
  PAGE_NOT_FOUND: [404, "404 page not found"],
  METHOD_NOT_ALLOWED: [405, "Method Not Allowed"],
  BAD_REQUEST: [400, "400 Bad Request"],
  INTERNAL_SERVER_ERROR: [500, "Internal Server Error"],

  // On the client port.
  UNKNOWN_HOST: [
    421,
    `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist %

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`,
  ],
  COMMON_NAME_IGNORED: [
    400,
    "CommonName of client sending a request against gateway will be ignored and not used as expected",
  ],

  // To other members.
  INCOMPATIBLE_VERSION: [412, "incompatible version"],
  CLUSTER_ID_MISMATCH: [412, "cluster ID mismatch"],
  FROM_REMOVED_MEMBER: [403, "cannot process message from removed member"],
  TO_ANOTHER_MEMBER: [403, "cannot process message to mismatch member"],
  RAFT_MESSAGE_BROKEN_OFF: [400, "error reading raft message"],
  RAFT_MESSAGE_MALFORMED: [400, "error unmarshalling raft message"],
  RAFT_MESSAGE_FAILED: [500, "error processing raft message"],
  SNAPSHOT_MALFORMED: [400, "failed to decode raft message (%)"],
  NOT_A_SNAPSHOT: [400, "wrong raft message type"],
  SNAPSHOT_NOT_SAVED: [500, "failed to save KV snapshot (%)"],
  STREAM_KIND_UNKNOWN: [404, "invalid path"],
  STREAM_OF_NOBODY: [404, "invalid from"],
  STREAM_OF_REMOVED_MEMBER: [410, "removed member"],
  STREAM_OF_UNKNOWN_MEMBER: [404, "error sender not found"],
  STREAM_TO_ANOTHER_MEMBER: [412, "to field mismatch"],
  STREAM_NEEDS_HTTP_1_1: [505, "HTTP Version Not Supported"],
  BODY_BROKEN_OFF: [400, "error reading body"],
  BODY_TOO_LARGE: [413, "request body too large"],
  BODY_MALFORMED: [400, "error unmarshalling request"],
  APPLIED_TOO_LITTLE: [408, "waiting for node to catch up its applied index has timed out"],
  LEASE_NOT_FOUND: [404, "lease not found"],
  LEASE_NOT_RENEWED: [400, "%"],
  LEASE_NOT_TOLD: [500, "%"],
  HASH_COMPACTED: [400, "mvcc: required revision has been compacted"],
  HASH_IN_FUTURE: [400, "mvcc: required revision is a future revision"],
  HASH_FAILED: [400, "%"],
  NOT_LINEARIZED: [500, "failed linearized read: %"],
  PROMOTE_NO_ID: [404, "member % not found in cluster"],
  PROMOTE_NO_MEMBER: [404, "membership: ID not found"],
  PROMOTE_NO_LEARNER: [412, "membership: can only promote a learner member"],
  PROMOTE_NOT_READY: [412, FAILURES.LEARNER_NOT_READY[1]],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type HttpFailureCode = keyof typeof HTTP_FAILURES;

/** What stands for the `%`s of a text, in order. */
export type Facts = readonly (string | number)[];

export function withFacts(text: string, facts: Facts): string {
  let at = 0;
  return facts.length === 0 ? text : text.replace(/%/g, () => String(facts[at++]));
}

/** A request that was refused or did not come through. `code` is stable, `message` what is told. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly code: FailureCode;

  constructor(code: FailureCode, ...facts: Facts) {
    super(withFacts(FAILURES[code][1], facts));
    this.code = code;
  }

  get status(): Status {
    return [FAILURES[this.code][0], this.message];
  }
}

/** A gRPC status code and its text. */
export type Status = readonly [code: number, message: string];

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
export function statusOf(error: unknown): Status | undefined {
  return error instanceof RequestError ? error.status : undefined;
}

/** As an error that whoever serves a call knows. */
export function grpcError(code: FailureCode, ...facts: Facts): GrpcError {
  return new GrpcError(...new RequestError(code, ...facts).status);
}
