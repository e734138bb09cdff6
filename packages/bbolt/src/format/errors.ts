/** A file is not a sound bbolt database, or no longer. What was read of the damaged place has not been used. */
export class DatabaseFileError extends Error {
  readonly code = "DATABASE_FILE_INVALID";
  readonly path: string;
  /** The page that is wrong, or that refers to what is wrong. */
  readonly page: number;
  /** Where in the file that page begins, in bytes. */
  readonly offset: number;

  constructor(path: string, page: number, offset: number, what: string) {
    super(`database file ${path} is invalid at page ${page} (offset ${offset}): ${what}`);
    this.name = "DatabaseFileError";
    this.path = path;
    this.page = page;
    this.offset = offset;
  }
}

export type DatabaseFailure =
  /** The bucket, or the element at which a bucket is looked for, is there already. */
  | "BUCKET_EXISTS"
  | "BUCKET_NOT_FOUND"
  /** Buckets in buckets, deeper than `MOST_BUCKET_LEVELS`. */
  | "BUCKETS_TOO_DEEP"
  /** The database is closed. */
  | "CLOSED"
  /** An earlier commit failed on the disk, so nobody knows what is on it; reads go on. */
  | "FAILED"
  /** A bucket where a value is expected, or the other way round. */
  | "INCOMPATIBLE_VALUE"
  | "KEY_REQUIRED"
  | "KEY_TOO_LARGE"
  | "NOT_WRITABLE"
  /** The database was opened without checksums. */
  | "NO_CHECKSUMS"
  | "TRANSACTION_ENDED"
  | "VALUE_TOO_LARGE"
  /** There is a write transaction, or its commit is not durable yet. */
  | "WRITE_IN_PROGRESS";

/** A call that cannot be served; the database is as it was before. */
export class DatabaseError extends Error {
  readonly code: DatabaseFailure;

  constructor(code: DatabaseFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DatabaseError";
    this.code = code;
  }
}
