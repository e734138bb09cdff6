import { closeSync, openSync, readSync } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Database } from "@quorate/bbolt";
import { FORMAT_HEAD_BYTES, formerFormatFault } from "@quorate/storage/database/former-format";
import { lockHolder, takeFlock } from "@quorate/storage/seams/kernel-locks";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { fileError } from "../../go-text/errno.ts";

const LOCK_RETRY_MS = 50;

/** A database that nobody else writes to until it is disposed of. */
export interface HeldDatabase extends AsyncDisposable {
  readonly database: Database;
}

export interface Opening {
  /** Whether anything is written; otherwise the file stays as it is, to the byte. */
  readonly writable: boolean;
  /** How long to wait for other processes that have the file open; 0: for ever. */
  readonly timeoutMs: number;
}

/** Throws Exit when there is no such file. */
export async function assertThere(path: string): Promise<void> {
  try {
    await stat(path);
  } catch (error) {
    throw new Exit(ExitCode.ERROR, fileError("stat", path, error));
  }
}

/**
 * Opens the bbolt file at `path`, which is there: nothing is made. It is locked as bbolt does it. Throws Exit when it is a
 * database of another kind, or others have it open for too long, and what `Database.open` throws.
 */
export async function openDatabase(path: string, { writable, timeoutMs }: Opening): Promise<HeldDatabase> {
  await assertThere(path);
  const descriptor = attempt("open", path, () => openSync(path, "r"));
  try {
    refuseOthers(
      path,
      attempt("read", path, () => firstBytes(descriptor)),
    );
    await lock(path, descriptor, writable, timeoutMs);
    const database = await Database.open(path, { readOnly: !writable });
    return {
      database,
      async [Symbol.asyncDispose]() {
        await database.close();
        closeSync(descriptor);
      },
    };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Says what a file is when it is no bbolt file, and what to do instead. */
function refuseOthers(path: string, bytes: Buffer): void {
  if (bytes.length === 0)
    throw new Exit(ExitCode.ERROR, `${path} is empty: no database, and no snapshot of one`);
  const fault = formerFormatFault(path, bytes);
  if (fault !== undefined) throw new Exit(ExitCode.ERROR, fault);
}

async function lock(path: string, descriptor: number, writable: boolean, timeoutMs: number): Promise<void> {
  const start = performance.now();
  while (takeFlock(descriptor, writable ? "exclusive" : "shared") === "held") {
    if (timeoutMs > 0 && performance.now() - start >= timeoutMs) {
      const holder = lockHolder(descriptor);
      const who = holder === undefined ? "another process" : `process ${holder}`;
      throw new Exit(ExitCode.ERROR, `timeout: ${who} has ${path} open; stop it first, or ask it instead`);
    }
    await sleep(LOCK_RETRY_MS);
  }
}

function firstBytes(descriptor: number): Buffer {
  const bytes = Buffer.alloc(FORMAT_HEAD_BYTES);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, 0));
}

function attempt<T>(operation: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new Exit(ExitCode.ERROR, fileError(operation, path, error));
  }
}
