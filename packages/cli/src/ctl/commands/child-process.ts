import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";

/** How a command ended that was run for the user. */
export interface Ended {
  /** As Go says it; empty when it went well. */
  readonly error: string;
  /** The exit status; 255 when a signal ended it, 1 when it could not be started. */
  readonly status: number;
}

/** Runs a command with these variables; its output is ours, and it reads nothing. Never rejects. */
export function runCommand(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Ended> {
  const [program = "", ...args] = words;
  if (!program.includes("/") && !isInPath(program)) {
    const error = `exec: ${JSON.stringify(program)}: executable file not found in $PATH`;
    return Promise.resolve({ error, status: 1 });
  }
  const child = spawn(program, args, { env: environment, stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve) => {
    child.once("error", ({ code }: NodeJS.ErrnoException) => {
      const why = code === "EACCES" ? "permission denied" : "no such file or directory";
      resolve({ error: `fork/exec ${program}: ${why}`, status: 1 });
    });
    child.once("close", (code, signal) => {
      if (code === 0) resolve({ error: "", status: 0 });
      else if (code === null) resolve({ error: `signal: ${signalText(signal)}`, status: 255 });
      else resolve({ error: `exit status ${code}`, status: code });
    });
  });
}

const SIGNALS: Readonly<Record<string, string>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGKILL: "killed",
  SIGTERM: "terminated",
};

function signalText(signal: string | null): string {
  return SIGNALS[signal ?? ""] ?? String(signal);
}

function isInPath(program: string): boolean {
  if (program === "") return false;
  return (process.env.PATH ?? "").split(path.delimiter).some((folder) => {
    const file = path.join(folder === "" ? "." : folder, program);
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}
