import { runBackupProgram } from "../backup/program.ts";

/** `quorate backup …` and `quorate restore …` */
export function run(args: readonly string[]): Promise<never> {
  return runBackupProgram(args.slice(1));
}
