import { DatabaseError, DatabaseFileError } from "@quorate/bbolt";
import { DiskError } from "@quorate/storage/seams/disk";
import { WalError } from "@quorate/storage/wal/errors";
import { WireError } from "@quorate/wire/hot";
import { Exit } from "../command-line/exit.ts";
import { fileError } from "../go-text/errno.ts";

const OF_FILES = [DatabaseError, DatabaseFileError, DiskError, WalError, WireError, Exit];

/** What is told of a failure that files, disks or their content are the cause of; undefined of any other. */
export function failureText(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (OF_FILES.some((kind) => error instanceof kind)) return error.message;
  const { syscall, path } = error as NodeJS.ErrnoException;
  return syscall === undefined ? undefined : fileError(syscall, path ?? "file", error);
}
