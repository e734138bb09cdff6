/**
 * The members of `quorate dev` must not outlive it, not even when it is killed: their standard input is a pipe from
 * it, which the system closes then.
 */
export function endWithParent(): void {
  process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
  process.stdin.on("error", () => {});
  process.stdin.resume();
}
