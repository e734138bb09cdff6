import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { type Client, ClientError, Code } from "@quorate/client";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, Exit, ExitCode, exitWith } from "../../command-line/exit.ts";
import { fileError } from "../../go-text/errno.ts";
import { clientOf } from "../session/connect.ts";
import { readSettings } from "../session/settings.ts";
import { type Progress, progressOf } from "../terminal/progress.ts";

const SECTOR_BYTES = 512;
const HASH_BYTES = 32;

export async function save(invocation: Invocation): Promise<void> {
  const { args, flags, output } = invocation;
  const [file] = args;
  if (file === undefined || args.length !== 1)
    throw badArguments("snapshot save expects one argument <filename>");
  const settings = await readSettings(invocation);
  const { endpoints } = settings;
  if (endpoints.length !== 1) {
    const message = `snapshot must be requested to one selected node, not multiple [${endpoints.join(" ")}]`;
    throw new Exit(ExitCode.INTERRUPTED, message);
  }
  // Databases may be large: only who asks for a deadline gets one.
  const timeoutMs = flags.changed("command-timeout") ? settings.commandTimeoutMs : Number.POSITIVE_INFINITY;
  let client: Client;
  try {
    client = await clientOf(settings);
  } catch (error) {
    if (error instanceof Exit && error.code === ExitCode.BAD_ARGUMENTS) throw error;
    throw new Exit(ExitCode.INTERRUPTED, (error as Error).message);
  }
  const version = await saveTo(
    file,
    client,
    timeoutMs,
    progressOf(invocation, { what: "snapshot", unit: "bytes" }),
  );
  output.line(`Snapshot saved at ${file}`);
  if (version !== "") output.line(`Server version ${version}`);
}

/** Writes the whole snapshot or nothing; returns the version of its storage. Throws Exit. */
async function saveTo(file: string, client: Client, timeoutMs: number, progress: Progress): Promise<string> {
  const part = `${file}.part`;
  rmSync(part, { recursive: true, force: true });
  const descriptor = attempt(
    () => openSync(part, "w", 0o600),
    (error) => `could not open ${part} (${fileError("open", part, error)})`,
  );
  try {
    let size = 0;
    let version: string | undefined;
    try {
      for await (const response of client.maintenance.snapshot({ timeoutMs })) {
        version ??= response.version;
        size += response.blob.length;
        writeWhole(descriptor, response.blob);
        progress.reach(size, size + Number(response.remainingBytes));
      }
    } catch (error) {
      throw new Exit(ExitCode.INTERRUPTED, failureText(error, version !== undefined));
    }
    if (size % SECTOR_BYTES !== HASH_BYTES)
      throw new Exit(ExitCode.INTERRUPTED, `sha256 checksum not found [bytes: ${size}]`);
    attempt(
      () => fsyncSync(descriptor),
      (error) => `could not fsync snapshot: ${fileError("fsync", part, error)}`,
    );
    attempt(
      () => renameSync(part, file),
      (error) => `could not rename ${part} to ${file} (rename ${fileError(part, file, error)})`,
    );
    return version ?? "";
  } finally {
    progress.end();
    closeSync(descriptor);
    rmSync(part, { force: true });
  }
}

/** Who gets nothing at all is told the whole error as it came, and nothing of a file. */
function failureText(error: unknown, began: boolean): string {
  if (began) return `could not write snapshot: ${(error as Error).message}`;
  const answered = error instanceof ClientError && error.code !== Code.DEADLINE_EXCEEDED;
  return answered ? error.textWithCode : (error as Error).message;
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
}

function attempt<T>(operation: () => T, complaint: (error: unknown) => string): T {
  try {
    return operation();
  } catch (error) {
    throw exitWith(ExitCode.INTERRUPTED, new Error(complaint(error)));
  }
}
