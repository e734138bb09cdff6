import type { File } from "@quorate/bbolt";

/** A database file whose syncs are others. */
export function withSync(file: File, sync: () => Promise<void>): File {
  return {
    path: file.path,
    descriptor: file.descriptor,
    memory: file.memory,
    size: () => file.size(),
    readSync: (target, position) => file.readSync(target, position),
    read: (target, position) => file.read(target, position),
    write: (parts, position) => file.write(parts, position),
    sync,
    close: () => file.close(),
  };
}
