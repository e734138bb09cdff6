import type { Disk, File } from "../disk/disk.ts";
import { RealDisk } from "../disk/real-disk.ts";

/** The machine's disk without waiting for it: for tests that lose no power. */
export class UnsyncedDisk implements Disk {
  readonly #disk = new RealDisk();

  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    const file = await this.#disk.open(path, mode);
    file.sync = () => Promise.resolve();
    return file;
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  async syncDirectory(): Promise<void> {}
}
