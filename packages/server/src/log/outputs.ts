import { openSync, writeSync } from "node:fs";
import { openJournal } from "./journal.ts";
import type { LogOutput } from "./log-output.ts";
import { type LogRotation, openRotatedFile } from "./rotated-file.ts";

/**
 * Opens each of `names` once: `default` and `stderr`, `stdout`, `systemd/journal`, or the path of a file, which `rotation` is for.
 * With `/dev/null` among them nothing is written at all, as in etcd. Throws when one cannot be opened.
 */
export function openOutputs(names: readonly string[], rotation?: LogRotation): LogOutput[] {
  if (names.includes("/dev/null")) return [];
  const unique = new Set(names.map((name) => (name === "default" ? "stderr" : name)));
  return [...unique].map((name) => openOutput(name, rotation));
}

function openOutput(name: string, rotation: LogRotation | undefined): LogOutput {
  if (name === "stderr") return toDescriptor(2);
  if (name === "stdout") return toDescriptor(1);
  if (name === "systemd/journal") return openJournal();
  return rotation === undefined ? toDescriptor(openFile(name)) : openRotatedFile(name, rotation);
}

function openFile(path: string): number {
  try {
    return openSync(path, "a", 0o600);
  } catch (error) {
    throw new Error(`open sink ${JSON.stringify(path)}: ${reasonOf(error as NodeJS.ErrnoException, path)}`);
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException, path: string): string {
  return code === "ENOENT" ? `open ${path}: no such file or directory` : message;
}

/** A line is written when `write` returns: the last ones of a process that ends are not lost. */
function toDescriptor(descriptor: number): LogOutput {
  return {
    write(line) {
      try {
        writeSync(descriptor, line);
      } catch {
        // A full pipe or a closed terminal must not stop a member: the line is lost, the data is not.
      }
    },
    flush() {},
  };
}
