import type { File } from "@quorate/bbolt";
import type { Disk } from "@quorate/storage/seams/disk";

/** A disk that does what `disk` does; for what of it is to be replaced. */
export function passedOn(disk: Disk): Disk {
  return {
    list: (directory) => disk.list(directory),
    exists: (path) => disk.exists(path),
    makeDirectory: (directory) => disk.makeDirectory(directory),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: (directory) => disk.syncDirectory(directory),
    open: (path, mode) => disk.open(path, mode),
    openDatabase: (path, mode) => disk.openDatabase(path, mode),
    lock: (path) => disk.lock(path),
    lockExisting: (path) => disk.lockExisting(path),
  };
}

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
