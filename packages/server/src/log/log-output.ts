/** Where lines of a log go. Neither fails: a log that cannot be written must not stop a member. */
export interface LogOutput {
  write(line: string): void;
  /** What was written has left the process when it returns: called when the process is about to end. */
  flush(): void;
}
