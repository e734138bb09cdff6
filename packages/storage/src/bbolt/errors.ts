/** A file is not a sound bbolt database. Nothing behind the damaged place has been used. */
export class DatabaseFileError extends Error {
  readonly code = "DATABASE_FILE_INVALID";
  readonly path: string;
  /** The page that is wrong, or that refers to what is wrong. */
  readonly page: number;

  constructor(path: string, page: number, what: string) {
    super(`database file ${path} is invalid at page ${page}: ${what}`);
    this.name = "DatabaseFileError";
    this.path = path;
    this.page = page;
  }
}
