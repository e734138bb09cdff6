import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { fileError } from "../../go-text/errno.ts";

const SUM_BYTES = 32;
const SECTOR_BYTES = 512;
const CHUNK_BYTES = 1 << 20;

/** A snapshot file that is open to be copied. */
export class SnapshotFile implements AsyncDisposable {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #sizeBytes: number;
  /** A database's pages are whole sectors: what is more is the sum. */
  readonly #hasSum: boolean;

  private constructor(path: string, file: FileHandle, sizeBytes: number) {
    this.path = path;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#hasSum = sizeBytes % SECTOR_BYTES === SUM_BYTES;
  }

  /** Throws Exit when there is no such file, or when it lacks its sum and `skipHashCheck` does not say that it may. */
  static async open(path: string, skipHashCheck: boolean): Promise<SnapshotFile> {
    const handle = await named("open", path, open(path, "r"));
    try {
      const stats = await named("stat", path, handle.stat());
      if (stats.isDirectory()) throw new Exit(ExitCode.ERROR, `read ${path}: is a directory`);
      if (stats.size < SUM_BYTES) throw new Exit(ExitCode.ERROR, `seek ${path}: invalid argument`);
      const file = new SnapshotFile(path, handle, stats.size);
      if (!file.#hasSum && !skipHashCheck)
        throw new Exit(ExitCode.ERROR, "snapshot missing hash but --skip-hash-check=false");
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Writes the database in it to `target`, which is not there, without the sum; durable when it resolves. Throws Exit when
   * the sum is another one, unless `skipHashCheck`. `onCopied` is told how many bytes there are already.
   */
  async copyTo(
    target: string,
    skipHashCheck: boolean,
    onCopied: (done: number, total: number) => void = () => {},
  ): Promise<void> {
    const sum = createHash("sha256");
    const databaseBytes = this.#sizeBytes - (this.#hasSum ? SUM_BYTES : 0);
    const output = await named("open", target, open(target, "wx", 0o600));
    try {
      for (let at = 0; at < databaseBytes; ) {
        const chunk = await this.#read(at, Math.min(CHUNK_BYTES, databaseBytes - at));
        sum.update(chunk);
        await named("write", target, output.writeFile(chunk));
        at += chunk.length;
        onCopied(at, databaseBytes);
      }
      if (this.#hasSum && !skipHashCheck)
        refuseOther(await this.#read(databaseBytes, SUM_BYTES), sum.digest());
      await named("sync", target, output.sync());
    } finally {
      await output.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #read(position: number, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const reading = this.#file.read(bytes, done, length - done, position + done);
      const { bytesRead } = await named("read", this.path, reading);
      if (bytesRead === 0) throw new Exit(ExitCode.ERROR, `read ${this.path}: it has become shorter`);
      done += bytesRead;
    }
    return bytes;
  }
}

function refuseOther(expected: Uint8Array, got: Uint8Array): void {
  if (Buffer.compare(expected, got) === 0) return;
  throw new Exit(ExitCode.ERROR, `expected sha256 [${expected.join(" ")}], got [${got.join(" ")}]`);
}

async function named<T>(operation: string, path: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw new Exit(ExitCode.ERROR, fileError(operation, path, error));
  }
}
