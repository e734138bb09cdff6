import { BackupError } from "@quorate/backup";
import { ClientError } from "@quorate/client";
import { execute, type Surroundings } from "../command-line/execute.ts";
import { ExitCode } from "../command-line/exit.ts";
import { processSurroundings } from "../command-line/process-surroundings.ts";
import { failureText } from "../utl/failure-text.ts";
import { BACKUP, BACKUP_OF_CLUSTER, RESTORE } from "./commands.ts";

/** Does what a command line asks of `quorate backup` or `quorate restore`, which it begins with, and ends the process. */
export async function runBackupProgram(words: readonly string[]): Promise<never> {
  process.exit(await executeBackup(words, processSurroundings()));
}

/** The same; resolves to the exit code. Rejects only when the program is wrong. */
export async function executeBackup(words: readonly string[], surroundings: Surroundings): Promise<number> {
  const [program, ...rest] = words;
  const ofBackup = rest.includes("run") ? BACKUP_OF_CLUSTER : BACKUP;
  try {
    return await execute(program === "restore" ? RESTORE : ofBackup, rest, surroundings);
  } catch (error) {
    const isTold = error instanceof BackupError || error instanceof ClientError;
    const text = isTold ? error.message : failureText(error);
    if (text === undefined) throw error;
    surroundings.output.errorLine(`Error: ${text}`);
    return ExitCode.ERROR;
  }
}
