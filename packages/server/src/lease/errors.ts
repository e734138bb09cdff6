/** Texts are etcd's, as clients see them. */
const MESSAGES = {
  LEASE_NOT_FOUND: "etcdserver: requested lease not found",
  LEASE_EXISTS: "etcdserver: lease already exists",
  LEASE_TTL_TOO_LARGE: "etcdserver: too large lease TTL",
  /** Only the leader has deadlines, from its promotion on. */
  NOT_PRIMARY_LESSOR: "not a primary lessor",
  /** A record of table `lease` cannot be what this or another member wrote: fatal. */
  LEASE_RECORD_CORRUPT: "lease record is corrupt",
} as const;

export type LeaseErrorCode = keyof typeof MESSAGES;

export class LeaseError extends Error {
  readonly code: LeaseErrorCode;

  constructor(code: LeaseErrorCode, detail?: string) {
    super(detail === undefined ? MESSAGES[code] : `${MESSAGES[code]}: ${detail}`);
    this.name = "LeaseError";
    this.code = code;
  }
}
