/** The codes callers match on, with etcd's text for each. */
export const RAFT_ERROR_TEXT = {
  PROPOSAL_DROPPED: "raft proposal dropped",
  STOPPED: "raft: stopped",
  STEP_LOCAL_MESSAGE: "raft: cannot step raft local message",
  STEP_PEER_NOT_FOUND: "raft: cannot step as peer not found",
  COMPACTED: "requested index is unavailable due to compaction",
  SNAPSHOT_OUT_OF_DATE: "requested index is older than the existing snapshot",
  UNAVAILABLE: "requested entry at index is unavailable",
  SNAPSHOT_TEMPORARILY_UNAVAILABLE: "snapshot is temporarily unavailable",
  BOOTSTRAP_NO_PEERS: "must provide at least one peer to Bootstrap",
  BOOTSTRAP_NONEMPTY_STORAGE: "can't bootstrap a nonempty Storage",
} as const;

export type RaftErrorCode =
  | keyof typeof RAFT_ERROR_TEXT
  | "INVALID_CONFIG"
  | "INVALID_CONF_CHANGE"
  | "MALFORMED";

/** Something expected went wrong. The node is unharmed and the caller may go on. */
export class RaftError extends Error {
  readonly code: RaftErrorCode;

  constructor(code: keyof typeof RAFT_ERROR_TEXT);
  constructor(code: RaftErrorCode, text: string);
  constructor(code: RaftErrorCode, text?: string) {
    super(text ?? RAFT_ERROR_TEXT[code as keyof typeof RAFT_ERROR_TEXT]);
    this.name = "RaftError";
    this.code = code;
  }
}

/** True when `error` is the RaftError of that code. */
export function isRaftError(error: unknown, code: RaftErrorCode): boolean {
  return error instanceof RaftError && error.code === code;
}

/** An invariant does not hold: a bug, or corrupt storage. The member must stop; the node may not be used again. */
export class RaftInvariantError extends Error {
  constructor(text: string) {
    super(text);
    this.name = "RaftInvariantError";
  }
}
