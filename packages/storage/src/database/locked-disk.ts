import { type Disk, type File, RealDisk } from "@quorate/bbolt";
import { lockDatabase } from "../backend/lock-database.ts";

/**
 * The machine's disk, where every database that is opened to be written is held by the lock that bbolt has on its files, until
 * it is closed: an etcd and we keep each other out. `open` rejects with a `DiskError` of code `LOCKED`, and nothing was changed.
 */
export class LockedDisk implements Disk {
  readonly #disk = new RealDisk();

  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    const file = await this.#disk.open(path, mode);
    if (mode !== "write" || file.descriptor === undefined) return file;
    try {
      lockDatabase(path, file.descriptor);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(path);
  }
}
