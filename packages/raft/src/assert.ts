import { RaftInvariantError } from "./errors.ts";
import { type Logger, LogLevel } from "./logger.ts";

/** Always on. `text` is a constant: build texts with `panic` behind a branch, so that the good case costs nothing. */
export function assert(condition: boolean, text: string): asserts condition {
  if (!condition) throw new RaftInvariantError(text);
}

/** Logs the broken invariant as fatal and throws it. */
export function panic(logger: Logger, text: string): never {
  logger.log(LogLevel.Fatal, text);
  throw new RaftInvariantError(text);
}
