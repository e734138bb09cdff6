import { type Disk, type DiskFile, passedOn } from "./disk.ts";

/**
 * A disk on which nothing but a database waits for durability (`--unsafe-no-fsync`): writes keep their order and survive the process,
 * but not the machine. For tests and throw-away data only.
 */
export function withoutSync(disk: Disk): Disk {
  return {
    ...passedOn(disk),
    syncDirectory: async () => {},
    open: async (path, mode) => fileWithoutSync(await disk.open(path, mode === "durable" ? "write" : mode)),
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
