import type { Disk, DiskFile } from "./disk.ts";

/**
 * A disk on which nothing but a database waits for durability (`--unsafe-no-fsync`): writes keep their order and survive the process,
 * but not the machine. For tests and throw-away data only.
 */
export function withoutSync(disk: Disk): Disk {
  return {
    list: (directory) => disk.list(directory),
    exists: (path) => disk.exists(path),
    makeDirectory: (directory) => disk.makeDirectory(directory),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: async () => {},
    open: async (path, mode) => fileWithoutSync(await disk.open(path, mode === "durable" ? "write" : mode)),
    openDatabase: (path, mode) => disk.openDatabase(path, mode),
    lock: (path) => disk.lock(path),
    lockExisting: (path) => disk.lockExisting(path),
  };
}

function fileWithoutSync(file: DiskFile): DiskFile {
  return {
    path: file.path,
    size: () => file.size(),
    read: (target, position) => file.read(target, position),
    write: (bytes, position) => file.write(bytes, position),
    sync: async () => {},
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
  };
}
