/** The exit codes of etcdctl. */
export const ExitCode = Object.freeze({
  ERROR: 1,
  BAD_CONNECTION: 2,
  INVALID_INPUT: 3,
  BAD_FEATURE: 4,
  INTERRUPTED: 5,
  BAD_ARGUMENTS: 128,
});

/** Ends the program: with `Error: ` and the message on standard error, unless the message is empty. */
export class Exit extends Error {
  override readonly name = "Exit";
  readonly code: number;

  constructor(code: number, message = "", options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export function badArguments(message: string): Exit {
  return new Exit(ExitCode.BAD_ARGUMENTS, message);
}

/** The same failure, told under another code. An exit stays what it is. */
export function exitWith(code: number, error: unknown): Exit {
  if (error instanceof Exit) return error;
  return new Exit(code, error instanceof Error ? error.message : String(error));
}
