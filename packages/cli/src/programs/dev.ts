import { runDev } from "../dev/dev-command.ts";

/** `quorate dev [flags]` */
export function run(args: readonly string[]): Promise<void> {
  return runDev(args.slice(2));
}
