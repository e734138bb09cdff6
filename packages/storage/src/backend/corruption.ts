/** The database file does not hold what was written. Nothing of the damaged place has been served. */
export class BackendCorruptionError extends Error {
  readonly code = "BACKEND_CORRUPT";
  readonly path: string;
  /** Byte offset in the file of the damaged page, or of the place in it where that is known. */
  readonly offset: number;

  constructor(path: string, offset: number, what: string) {
    super(`database file ${path} is corrupt at offset ${offset}: ${what}`);
    this.name = "BackendCorruptionError";
    this.path = path;
    this.offset = offset;
  }
}
