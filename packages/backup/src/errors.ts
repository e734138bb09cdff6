export type BackupFailure =
  /** There is no object of that name. */
  | "MISSING"
  /** The store cannot be reached, or refuses. */
  | "STORE"
  /** What is in an object is not what was put there. */
  | "DAMAGED"
  /** Its key is needed and not given, or another one is, or one is given for what has none. */
  | "KEY"
  /** What is asked for lies outside of what is kept, or in a gap of it. */
  | "NOT_KEPT"
  /** A setting makes no sense. */
  | "SETTING";

/** Something that whoever works with backups has to be told; the message says what, and where. */
export class BackupError extends Error {
  override readonly name = "BackupError";
  readonly code: BackupFailure;

  constructor(code: BackupFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
