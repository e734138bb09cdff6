import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import path from "node:path";
import { BackupError } from "../errors.ts";
import type { ObjectStore, StoredObject } from "./object-store.ts";

const UNFINISHED = ".part";
const READ_BYTES = 256 * 1024;
/** No put takes so long. */
const LEFT_AFTER_MS = 24 * 3_600_000;

/** Objects as files below a directory. */
export class DirectoryStore implements ObjectStore {
  readonly where: string;
  readonly #root: string;

  constructor(root: string) {
    this.#root = path.resolve(root);
    this.where = this.#root;
  }

  async put(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const file = this.#file(name);
    const unfinished = `${file}.${randomUUID()}${UNFINISHED}`;
    try {
      await this.#makeFolders(path.dirname(file));
      const handle = await open(unfinished, "wx", 0o600);
      try {
        for await (const chunk of content) await handle.writeFile(chunk);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(unfinished, file);
      await syncDirectory(path.dirname(file));
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {});
      throw storeError(error);
    }
  }

  async *get(name: string): AsyncGenerator<Uint8Array, void> {
    try {
      await using handle = await open(this.#file(name), "r");
      for (;;) {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT")
        throw new BackupError("MISSING", `${name} is not in ${this.where}`);
      throw storeError(error);
    }
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    const found: StoredObject[] = [];
    try {
      for (const { name, file } of await this.#files()) {
        if (!name.startsWith(prefix) || name.endsWith(UNFINISHED)) continue;
        // It may be gone by now: another process prunes.
        const stats = await stat(file).catch(() => undefined);
        if (stats !== undefined) found.push({ name, bytes: stats.size });
      }
    } catch (error) {
      throw storeError(error);
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<void> {
    const file = this.#file(name);
    try {
      await rm(file, { force: true });
      for (let folder = path.dirname(file); folder !== this.#root; folder = path.dirname(folder))
        await rmdir(folder);
    } catch (error) {
      // Others are in the folder.
      const { code = "" } = error as NodeJS.ErrnoException;
      if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes(code)) throw storeError(error);
    }
  }

  async tidy(): Promise<void> {
    try {
      for (const { name, file } of await this.#files()) {
        if (!name.endsWith(UNFINISHED)) continue;
        const stats = await stat(file).catch(() => undefined);
        if (stats !== undefined && Date.now() - stats.mtimeMs > LEFT_AFTER_MS)
          await rm(file, { force: true });
      }
    } catch (error) {
      throw storeError(error);
    }
  }

  async #files(): Promise<{ name: string; file: string }[]> {
    const entries = await readdir(this.#root, { recursive: true, withFileTypes: true }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw error;
      },
    );
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => ({ file, name: path.relative(this.#root, file).split(path.sep).join("/") }));
  }

  async #makeFolders(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    for (let made = folder; ; made = path.dirname(made)) {
      await syncDirectory(path.dirname(made));
      if (made === first) return;
    }
  }

  #file(name: string): string {
    return path.join(this.#root, ...name.split("/"));
  }
}

async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, "r");
  await handle.sync();
}

/** What the content itself fails with stays what it is. */
function storeError(error: unknown): unknown {
  const { syscall, message } = error as NodeJS.ErrnoException;
  return syscall === undefined ? error : new BackupError("STORE", message, { cause: error });
}
